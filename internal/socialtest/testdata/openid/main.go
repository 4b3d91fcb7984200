// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// This program is an OpenID provider: the example server of zitadel/oidc, a
// certified library, with the clients and people that it reads from standard
// input. It tells its issuer on standard output and ends with its input.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

type client struct {
	ID, Secret   string
	RedirectURIs []string
}

// people are the accounts, by their subject.
type people map[string]*storage.User

func (p people) GetUserByID(id string) *storage.User { return p[id] }

func (p people) GetUserByUsername(name string) *storage.User {
	for _, user := range p {
		if user.Username == name {
			return user
		}
	}
	return nil
}

func (p people) ExampleClientID() string { return "service" }

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	var input struct {
		Clients []client
		People  people
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		return err
	}
	for _, c := range input.Clients {
		storage.RegisterClients(storage.WebClient(c.ID, c.Secret, c.RedirectURIs...))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	issuer := "http://" + listener.Addr().String()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	go http.Serve(listener, exampleop.SetupServer(issuer, storage.NewStorage(input.People), logger, false))
	fmt.Println(issuer)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
