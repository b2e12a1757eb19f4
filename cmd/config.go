package cmd

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"legwork/configs"
)

func newConfig(p *program) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Look at the configuration"}
	c.AddCommand(newConfigCheck(p), newConfigKeys(p))
	return c
}

func newConfigCheck(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and print what is in force, without secrets",
		Args:  wants(0, 0, "no arguments"),
	}
	s := addSettings(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := s.load(c, p.environ, nil)
		if err != nil {
			return err
		}
		if err := p.registry(cfg).Err(); err != nil {
			return withExit(exitConfig, err)
		}
		raw, err := cfg.Redacted().YAML()
		if err != nil {
			return err
		}
		if file := s.file(p.environ); file != "" {
			p.say("read %s: no mistakes", file)
		} else {
			p.say("no file read: no mistakes")
		}
		_, err = p.env.stdout.Write(raw)
		return err
	}
	return c
}

func newConfigKeys(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "List every key with its variable, default and meaning",
		Args:  wants(0, 0, "no arguments"),
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if asJSON, err := c.Flags().GetBool("json"); err == nil && asJSON {
			return json.NewEncoder(p.env.stdout).Encode(configs.Keys())
		}
		w := tabwriter.NewWriter(p.env.stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "KEY\tVARIABLE\tDEFAULT\tMEANING")
		for _, k := range configs.Keys() {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Name, k.Env, k.Default, k.Doc)
		}
		return w.Flush()
	}
	return c
}
