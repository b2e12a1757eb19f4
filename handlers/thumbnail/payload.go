package thumbnail

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/invopop/jsonschema"
)

// Values of [Payload.Fit].
const (
	FitContain = "contain"
	FitCover   = "cover"
)

// Values of [Payload.Format] and [Result.Format].
const (
	FormatJPEG = "jpeg"
	FormatPNG  = "png"
)

// Payload says which picture to make smaller. At least one of Width and Height
// is needed; zero means that it follows from the other.
type Payload struct {
	Source  string `json:"source" jsonschema:"minLength=1,maxLength=1024,description=Picture to read; a path inside the configured folder"`
	Target  string `json:"target" jsonschema:"minLength=1,maxLength=1024,description=File to write; a path inside the configured folder. A picture there is replaced"`
	Width   int    `json:"width,omitempty" jsonschema:"minimum=0,maximum=65535,description=Largest width in pixels; 0 follows from the height"`
	Height  int    `json:"height,omitempty" jsonschema:"minimum=0,maximum=65535,description=Largest height in pixels; 0 follows from the width"`
	Fit     string `json:"fit,omitempty" jsonschema:"enum=contain,enum=cover,default=contain,description=contain keeps the whole picture; cover cuts it to the ratio of width and height"`
	Format  string `json:"format,omitempty" jsonschema:"enum=jpeg,enum=png,description=Format to write; by the target's extension when left out"`
	Quality int    `json:"quality,omitempty" jsonschema:"minimum=1,maximum=100,default=82,description=JPEG quality"`
}

// JSONSchemaExtend adds what field tags cannot say.
func (Payload) JSONSchemaExtend(s *jsonschema.Schema) {
	for _, side := range []string{"width", "height"} {
		positive := jsonschema.NewProperties()
		positive.Set(side, &jsonschema.Schema{Minimum: "1"})
		s.AnyOf = append(s.AnyOf, &jsonschema.Schema{Required: []string{side}, Properties: positive})
	}
}

// Result describes the thumbnail.
type Result struct {
	Target string `json:"target" jsonschema:"description=The target as the payload named it"`
	Width  int    `json:"width" jsonschema:"description=Width in pixels"`
	Height int    `json:"height" jsonschema:"description=Height in pixels"`
	Bytes  int64  `json:"bytes" jsonschema:"description=Size of the file"`
	Format string `json:"format" jsonschema:"enum=jpeg,enum=png"`
}

// order is a checked payload.
type order struct {
	source, target string // in the form of the operating system
	width, height  int
	cover          bool
	format         string
	quality        int
}

func newOrder(in Payload) (order, error) {
	o := order{width: in.Width, height: in.Height, cover: in.Fit == FitCover, format: in.Format, quality: in.Quality}
	var errs [3]error
	o.source, errs[0] = localPath("source", in.Source)
	o.target, errs[1] = localPath("target", in.Target)
	o.format, errs[2] = formatOf(in.Format, in.Target)
	if err := errors.Join(errs[:]...); err != nil {
		return order{}, err
	}
	if o.quality == 0 {
		o.quality = QualityDefault
	}
	switch {
	case o.source == o.target:
		return order{}, errors.New("target: is the source; choose another file")
	case in.Width < 0 || in.Height < 0 || in.Width == 0 && in.Height == 0:
		return order{}, errors.New("width and height: at least one must be positive, and none negative")
	case in.Fit != "" && in.Fit != FitContain && in.Fit != FitCover:
		return order{}, fmt.Errorf("fit: use %s or %s", FitContain, FitCover)
	case o.quality < 1 || o.quality > 100:
		return order{}, errors.New("quality: use 1 to 100")
	}
	return o, nil
}

// localPath refuses absolute paths and those that leave the folder by "..".
// Links are seen later, when the file is opened.
func localPath(field, p string) (string, error) {
	name, err := filepath.Localize(path.Clean(p))
	if err != nil || name == "." {
		return "", fmt.Errorf("%s %q: use a relative path to a file inside handlers.image_thumbnail.dir", field, p)
	}
	return name, nil
}

func formatOf(format, target string) (string, error) {
	switch format {
	case FormatJPEG, FormatPNG:
		return format, nil
	case "":
	default:
		return "", fmt.Errorf("format: use %s or %s", FormatJPEG, FormatPNG)
	}
	switch strings.ToLower(path.Ext(target)) {
	case ".jpg", ".jpeg":
		return FormatJPEG, nil
	case ".png":
		return FormatPNG, nil
	}
	return "", fmt.Errorf("target %q: name it .jpg, .jpeg or .png, or set format", target)
}
