# syntax=docker/dockerfile:1
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /out/legwork ./cmd/legwork

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/legwork /usr/local/bin/legwork
USER nonroot:nonroot
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/legwork"]
CMD ["serve"]
