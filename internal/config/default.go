package config

import "github.com/alecthomas/kong"

// Default is the configuration of the environment, without any flag.
func Default() (Config, error) {
	var c Config
	err := kong.ApplyDefaults(&c)
	return c, err
}
