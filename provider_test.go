// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package usher_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/markbates/goth"
	"github.com/markbates/goth/providers/discord"

	"github.com/usher-sso/usher/caddymodule"
)

// Discord is sign-in with Discord.
type Discord struct{ caddymodule.Login }

// CaddyModule returns the Caddy module information.
func (*Discord) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "usher.providers.discord", New: func() caddy.Module { return new(Discord) }}
}

// NewProvider returns the provider.
func (d *Discord) NewProvider() (*caddymodule.Provider, error) {
	options, err := d.Options("discord")
	if err != nil {
		return nil, err
	}
	return caddymodule.FurtherProvider(options, "discord", "https://discord.com", adoptDiscord), nil
}

func adoptDiscord(o caddymodule.ProviderOptions, callback string, client *http.Client) goth.Provider {
	p := discord.New(o.ClientID, o.ClientSecret, callback, append([]string{"identify", "email"}, o.Scopes...)...)
	p.HTTPClient = client
	return p
}

var addDiscord = sync.OnceFunc(func() { caddy.RegisterModule(new(Discord)) })

// A guest of another module needs the exported contract alone, and one small file.
func TestFurtherProviderOfGothIsOneSmallFile(t *testing.T) {
	addDiscord()
	given := `{
	usher http://hub.localhost:8080 {
		publisher 100000001 {
			login discord {
				client_id 1234
				client_secret {env.USHER_TEST_DISCORD}
				label "Our Discord"
			}
		}
	}
}

http://hub.localhost:8080 {
	usher
}
`
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(given), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	check := func() error {
		var cfg caddy.Config
		if err := caddy.StrictUnmarshalJSON(config, &cfg); err != nil {
			return err
		}
		cfg.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{
			"default": {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output": "discard"}`)}},
		}}
		return caddy.Validate(&cfg)
	}
	if err := check(); err == nil || !strings.Contains(err.Error(), "login discord: client_secret is missing") {
		t.Errorf("without the secret: %v", err)
	}
	t.Setenv("USHER_TEST_DISCORD", "correct horse")
	if err := check(); err != nil {
		t.Error(err)
	}
	if _, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(bytes.Replace([]byte(given), []byte("label"), []byte("labels"), 1), nil); err == nil {
		t.Error("an unknown option is taken")
	}
}

// The example shows the file as it is compiled here.
func TestExampleShowsTheProviderThatIsCompiled(t *testing.T) {
	compiled, err := os.ReadFile("provider_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("examples/twitch/README.md")
	if err != nil {
		t.Fatal(err)
	}
	from, to := bytes.Index(compiled, []byte("// Discord is")), bytes.Index(compiled, []byte("\nvar addDiscord"))
	if from < 0 || to < from || !bytes.Contains(page, compiled[from:to]) {
		t.Error("examples/twitch/README.md does not show the provider as provider_test.go has it")
	}
}
