// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"
	"golang.org/x/text/language"
)

const (
	// maxDatabase bounds what is read into memory. A database of countries has
	// about ten megabytes, one of cities about a hundred; a wrong path, such as
	// that of a disk image, must not take all that the server has.
	maxDatabase = 512 << 20

	// maxSearch bounds how many networks of a database are looked at for a
	// country. Where there are countries, one of the first networks has one; a
	// database of something else would otherwise be searched to its end.
	maxSearch = 10_000
)

// Database knows the countries of addresses by a file in MaxMind's format.
type Database struct{ reader *maxminddb.Reader }

// OpenDatabase reads a file whose records have a country with an iso_code, as
// those of GeoLite2, GeoIP2 and DB-IP. Errors name the path and the remedy.
//
// The file is read into memory, not mapped: tools that update it may write over
// it in place, and answers from half a file, or a fault where it was cut short,
// would be the server's. What is in memory stays what was judged here.
func OpenDatabase(path string) (*Database, error) {
	d, err := openDatabase(path)
	if err != nil {
		return nil, fmt.Errorf("country database %s: %w", path, err)
	}
	return d, nil
}

func openDatabase(path string) (*Database, error) {
	content, err := readDatabase(path)
	if err != nil {
		return nil, err
	}
	reader, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, fmt.Errorf("%w; use an unpacked .mmdb file, such as GeoLite2-Country.mmdb", err)
	}
	d := &Database{reader}
	if !d.hasCountries() {
		return nil, fmt.Errorf("it is of type %q and has no country.iso_code; use a country database, such as GeoLite2-Country.mmdb",
			reader.Metadata.DatabaseType)
	}
	return d, nil
}

func readDatabase(path string) ([]byte, error) {
	// Before opening, which waits for a writer when the path is a pipe's.
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file; write the path of an .mmdb file")
	}
	if info.Size() > maxDatabase {
		return nil, fmt.Errorf("it is larger than %d MiB; use a country database, such as GeoLite2-Country.mmdb", maxDatabase>>20)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	// A file that grew past the limit meanwhile is cut, and then no database.
	content, err := io.ReadAll(io.LimitReader(f, maxDatabase))
	if err != nil {
		return nil, unreadable(err)
	}
	return content, nil
}

// unreadable says what to do about an error of the file system, without its
// second mention of the path.
func unreadable(err error) error {
	var inPath *fs.PathError
	if errors.As(err, &inPath) {
		err = inPath.Err
	}
	return fmt.Errorf("%w; write the path of a file that the server may read", err)
}

// hasCountries tells whether the database is one of countries; one of networks
// or of companies has the same format, and would be asked in vain for ever.
func (d *Database) hasCountries() bool {
	looked := 0
	for record := range d.reader.Networks() {
		if _, ok := countryIn(record); ok {
			return true
		}
		if looked++; looked == maxSearch {
			return false
		}
	}
	return false
}

// countryAt returns the country of addr, which may be a private one: operators
// add networks of their own.
func (d *Database) countryAt(addr netip.Addr) (language.Region, bool) {
	if !addr.IsValid() {
		return language.Region{}, false
	}
	return countryIn(d.reader.Lookup(addr))
}

// countryIn returns the country of a record. A record that cannot be read, and
// an IPv6 address asked of an IPv4 database, count as not known: a guess is not
// worth a failure.
func countryIn(record maxminddb.Result) (language.Region, bool) {
	var code string
	if err := record.DecodePath(&code, "country", "iso_code"); err != nil {
		return language.Region{}, false
	}
	return parseCountry(code)
}
