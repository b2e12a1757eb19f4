package httpapi

import (
	"embed"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

//go:embed static/index.html static/start.js static/swagger-ui.css static/swagger-ui-bundle.js
var docsFiles embed.FS

// docsIndex is the page itself. It refers to the other files from /docs.
const docsIndex = "index.html"

// docsPolicy lets the page load its own files and call this server, nothing else.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *server) registerDocs(e *echo.Echo, api huma.API) {
	e.GET("/openapi.json", func(c echo.Context) error {
		doc, err := s.openAPI(c.Request().Context(), api.OpenAPI())
		if err != nil {
			return err
		}
		return c.JSONBlob(http.StatusOK, doc)
	})
	e.GET("/docs", func(c echo.Context) error { return docsFile(c, docsIndex) })
	e.GET("/docs/:file", func(c echo.Context) error { return docsFile(c, c.Param("file")) })
	for _, other := range []string{"/docs/", "/docs/" + docsIndex} {
		e.GET(other, func(c echo.Context) error { return c.Redirect(http.StatusPermanentRedirect, "../docs") })
	}
}

func docsFile(c echo.Context, name string) error {
	f, err := docsFiles.Open("static/" + name)
	if err != nil {
		return echo.ErrNotFound
	}
	defer func() { _ = f.Close() }()
	content, ok := f.(io.ReadSeeker)
	if !ok {
		return echo.ErrNotFound
	}
	h := c.Response().Header()
	h.Set("Content-Security-Policy", docsPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "max-age=3600")
	http.ServeContent(c.Response(), c.Request(), name, time.Time{}, content)
	return nil
}
