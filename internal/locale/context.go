// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package locale

import "context"

type countryKey struct{}

// WithCountry returns a context of a request whose viewer is in country, by the
// word of someone to be trusted. Resolve judges whether it is one.
func WithCountry(ctx context.Context, country string) context.Context {
	if country == "" {
		return ctx
	}
	return context.WithValue(ctx, countryKey{}, country)
}

// CountryFrom returns what WithCountry put into ctx, "" for nothing. It is about
// whoever sent the request, and about no other address that the request names.
func CountryFrom(ctx context.Context) string {
	country, _ := ctx.Value(countryKey{}).(string)
	return country
}
