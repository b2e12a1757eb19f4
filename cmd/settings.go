package cmd

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"legwork/configs"
)

// configDefault is the file that is read, if it is there, when none is named.
const configDefault = "legwork.yaml"

// settings are the flags of a command that reads the configuration: --config,
// and one flag for every key.
type settings struct {
	path   string
	values map[string]*string // by dotted key
}

func addSettings(c *cobra.Command) *settings {
	s := &settings{values: map[string]*string{}}
	f := c.Flags()
	f.StringVar(&s.path, "config", "", "configuration file (default $LEGWORK_CONFIG, else "+configDefault+" if it is there)")
	for _, k := range configs.Keys() {
		usage := k.Doc
		if k.Default != "" && !k.Secret {
			usage += " (default " + k.Default + ")"
		}
		s.values[k.Name] = f.String(k.Flag, "", usage)
	}
	return s
}

// source says where the configuration comes from. Flags that presets name get
// those values unless the user set them, in a flag or in the environment.
func (s *settings) source(c *cobra.Command, environ []string, presets map[string]string) configs.Source {
	src := configs.Source{Path: s.file(environ), Env: environ, Flags: map[string]string{}}
	for _, k := range configs.Keys() {
		preset, has := presets[k.Name]
		switch {
		case c.Flags().Changed(k.Flag):
			src.Flags[k.Name] = *s.values[k.Name]
		case has && !inEnviron(environ, k.Env):
			src.Flags[k.Name] = preset
		}
	}
	return src
}

func (s *settings) file(environ []string) string {
	if s.path != "" {
		return s.path
	}
	for _, pair := range environ {
		if value, ok := strings.CutPrefix(pair, "LEGWORK_CONFIG="); ok && value != "" {
			return value
		}
	}
	if _, err := os.Stat(configDefault); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return configDefault
}

func inEnviron(environ []string, name string) bool {
	return slices.ContainsFunc(environ, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
}

// load reads the configuration; its errors end the process with exitConfig.
func (s *settings) load(c *cobra.Command, environ []string, presets map[string]string) (configs.Config, error) {
	cfg, err := configs.Load(s.source(c, environ, presets))
	if err != nil {
		return configs.Config{}, withExit(exitConfig, err)
	}
	return cfg, nil
}
