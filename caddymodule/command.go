// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/publisher"
)

// The commands are those of Caddy's binary, of which usher's is one.
func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "staff",
		Usage: "invite [--publisher <id>[,<id>…]] [--role <role>] [--name <name>] [--address <admin address>] [--config <path> [--adapter <name>]] <email>",
		Short: "Invites somebody to the dashboard of a publisher",
		Long: `
Invites somebody to work for a publisher in usher's dashboard, and prints a link
that makes their account, or adds the role to the one they have. The link is good
once and for three days; a newer one for the same address replaces it. Nothing is
mailed: hand it over yourself, safely.

The roles are owner, editor, support and readonly. The publisher may be left out
where there is only one.

The running server is asked through its admin API, at '` + caddy.DefaultAdminListen + `' unless
--address names another one, or --config a configuration that does.`,
		Flags: staffFlags(),
		Func: func(fl caddycmd.Flags) (int, error) {
			return outcome(staffCommand(os.Stdout, fl.Args(), inviteOptions{
				publishers: fl.String("publisher"), role: fl.String("role"), name: fl.String("name"),
				address: fl.String("address"), config: fl.String("config"), adapter: fl.String("adapter"),
			}))
		},
	})
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "evidence",
		Usage: "verify <file>",
		Short: "Verifies exported evidence of consents",
		Long: `
Verifies that nothing was changed or left out between the first and the last
answer of each customer in a file of evidence, as the dashboard exports it. It
needs no server. It names the first answer that does not verify, and then exits
with an error.`,
		Flags: flag.NewFlagSet("evidence", flag.ExitOnError),
		Func:  func(fl caddycmd.Flags) (int, error) { return outcome(evidenceCommand(os.Stdout, fl.Args())) },
	})
}

// outcome returns the exit code of a command.
func outcome(err error) (int, error) {
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	return caddy.ExitCodeSuccess, nil
}

func staffFlags() *flag.FlagSet {
	fs := flag.NewFlagSet("staff", flag.ExitOnError)
	fs.String("publisher", "", "The publisher's id, or several with commas between them")
	fs.String("role", string(authstore.RoleOwner), "What the invited person may do: owner, editor, support or readonly")
	fs.String("name", "", "The invited person's name")
	fs.String("address", "", "Address of the administration API listener (if --config is not used)")
	fs.String("config", "", "Configuration file (if --address is not used)")
	fs.String("adapter", "", "Name of config adapter to apply (if --config is used)")
	return fs
}

// inviteOptions are the flags of `usher staff invite`.
type inviteOptions struct {
	publishers                           string // with commas between them
	role, name, address, config, adapter string
}

// staffCommand is `usher staff`; args are what is not a flag.
func staffCommand(out io.Writer, args []string, o inviteOptions) error {
	if len(args) != 2 || args[0] != "invite" {
		return errors.New("write: usher staff invite <email>, with flags as `usher staff --help` tells")
	}
	address, err := caddycmd.DetermineAdminAPIAddress(o.address, nil, o.config, o.adapter)
	if err != nil {
		return fmt.Errorf("finding the address of the admin API: %w", err)
	}
	i := invitation{Email: args[1], Name: o.name, Role: authstore.Role(o.role)}
	if i.Publishers, err = publisherIDs(o.publishers); err != nil {
		return err
	}
	made, err := sendInvitation(address, i)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is invited as %s of publisher %s, by this link:\n\n    %s\n\nIt is good once, until %s. Nothing was mailed.\n",
		i.Email, i.Role, strings.Trim(fmt.Sprint(made.Publishers), "[]"), made.Link, made.Expires.Format("2006-01-02 15:04 MST"))
	return err
}

// publisherIDs reads the flag --publisher.
func publisherIDs(list string) (ids []int64, err error) {
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		id, err := publisher.ParseID(text)
		if err != nil {
			return nil, fmt.Errorf("--publisher: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// sendInvitation asks a running server for a link.
func sendInvitation(address string, i invitation) (made invited, err error) {
	body, err := json.Marshal(i)
	if err != nil {
		return made, fmt.Errorf("writing the invitation: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	response, err := caddycmd.AdminAPIRequest(address, http.MethodPost, invitationsPath, header, bytes.NewReader(body))
	if err != nil {
		return made, fmt.Errorf("asking the server at %s (--address or --config names another): %w", address, err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxInvitation)).Decode(&made); err != nil || made.Link == "" {
		return made, fmt.Errorf("the server at %s does not answer as usher does; is another Caddy running there? (%v)", address, err)
	}
	return made, nil
}

// evidenceCommand is `usher evidence`.
func evidenceCommand(out io.Writer, args []string) error {
	if len(args) != 2 || args[0] != "verify" {
		return errors.New("write: usher evidence verify <file>")
	}
	f, err := os.Open(args[1])
	if err != nil {
		return fmt.Errorf("opening the evidence: %w", err)
	}
	defer f.Close()
	sum, err := admin.VerifyEvidence(f)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d answers of %d customers: every chain verifies\n", sum.Records, sum.Customers)
	return err
}
