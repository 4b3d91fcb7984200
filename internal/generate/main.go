// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Command generate fills a store with made-up customers, to see how lists, numbers
// and exports do when there are many. They are always the same for the same flags.
// Nobody of them exists: their addresses are at example.com and example.org.
//
// It owns the file while it runs, so usher must not be running on it.
//
//	go run ./internal/generate -store usher.db -publisher 100000001 -customers 1000000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
	"github.com/usher-sso/usher/internal/customer"
)

// How many customers share a commit. It touches most pages of indexes in random
// order whatever the number, so few large ones are quicker; but while there are few
// pages, each gets slow by what is added to it before the commit divides it.
const (
	minStep = 1000
	maxStep = 10_000
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	flags.SetOutput(out)
	path := flags.String("store", "", "file of the store; made if it is not there")
	publisher := flags.Int64("publisher", 100_000_001, "id of the publisher whose customers they are")
	customers := flags.Int("customers", 1000, "how many")
	seed := flags.Uint64("seed", 1, "another number makes other customers")
	password := flags.String("password", "", "with which all of them can sign in; none if empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *path == "" || *customers < 1 || *customers > maxCustomers || *publisher <= 0 || flags.NArg() > 0 {
		return fmt.Errorf("needs -store, and 1 to %d customers; see -help", maxCustomers)
	}
	encoded := ""
	if *password != "" {
		var err error
		if encoded, err = customer.NewHasher(0, 0).Hash(ctx, *password); err != nil {
			return fmt.Errorf("hashing the password: %w", err)
		}
	}
	backend, err := bolt.Open(*path, bolt.Options{})
	if err != nil {
		return err
	}
	p := newPeople(*publisher, *seed, encoded, time.Now())
	return errors.Join(fill(ctx, authstore.New(backend, time.Now), p, *customers, out), backend.Close())
}

// fill imports n customers.
func fill(ctx context.Context, store *authstore.Store, p *people, n int, out io.Writer) error {
	for done := 0; done < n; {
		imports := make([]authstore.Import, min(max(minStep, min(done/10, maxStep)), n-done))
		for i := range imports {
			imports[i] = p.next()
		}
		if err := store.ImportCustomers(ctx, imports); err != nil {
			return err
		}
		done += len(imports)
		fmt.Fprintf(out, "%d of %d customers\n", done, n)
	}
	if _, err := store.IndexCustomers(ctx); err != nil {
		return fmt.Errorf("looking at what was there before: %w", err)
	}
	return nil
}
