// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package localetest owns the country databases that tests need: it makes small
// ones, so that none has to be downloaded.
package localetest

import (
	"fmt"
	"net"
	"os"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// Write makes a database at path that knows the countries of networks, such as
// {"192.0.2.0/24": "DE"}.
func Write(path string, countries map[string]string) error {
	return WriteMember(path, "country", countries)
}

// WriteMember makes a database that keeps the codes in another member than
// country, as databases of other things do.
func WriteMember(path, member string, codes map[string]string) error {
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType:            "Test-" + member,
		IncludeReservedNetworks: true, // tests use the networks of documentation
	})
	if err != nil {
		return err
	}
	for cidr, code := range codes {
		_, network, err := net.ParseCIDR(cidr)
		if err != nil {
			return err
		}
		record := mmdbtype.Map{mmdbtype.String(member): mmdbtype.Map{"iso_code": mmdbtype.String(code)}}
		if err := tree.Insert(network, record); err != nil {
			return fmt.Errorf("network %s: %w", cidr, err)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := tree.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
