// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// This file is about the ways to the providers: names and certificates.

// authority vouches for all names of the providers, in this process alone. It is
// one for all tests, so that they can share a browser that trusts it.
type authority struct {
	pem  []byte // its certificate
	pool *x509.CertPool
	leaf tls.Certificate
	pin  string // digest of the leaf's public key, as browsers write it
}

// hosts are the names that there are.
var hosts = []string{
	"accounts.google.com", "oauth2.googleapis.com", "www.googleapis.com", "openidconnect.googleapis.com",
	"www.facebook.com", "graph.facebook.com", "limited.facebook.com",
	"appleid.apple.com",
	"id.twitch.tv", "api.twitch.tv",
}

var trust = sync.OnceValues(func() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Providers of a test"}, DNSNames: hosts,
		NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &leafKey.PublicKey, key)
	if err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(&leafKey.PublicKey)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(spki)
	a := &authority{
		pem:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}),
		pool: x509.NewCertPool(),
		leaf: tls.Certificate{Certificate: [][]byte{leafDER, rootDER}, PrivateKey: leafKey},
		pin:  base64.StdEncoding.EncodeToString(digest[:]),
	}
	a.pool.AppendCertsFromPEM(a.pem)
	return a, nil
})

// Pin is what Chromium's flag ignore-certificate-errors-spki-list takes, so that
// the browser believes the providers' certificates. It is the same for all tests
// of a process.
func Pin(t testing.TB) string {
	t.Helper()
	return mustTrust(t).pin
}

func mustTrust(t testing.TB) *authority {
	t.Helper()
	a, err := trust()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func loopback() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// listen begins to serve the providers and the proxy until the test ends.
func (in *Internet) listen(t testing.TB) error {
	a, err := trust()
	if err != nil {
		return err
	}
	inner, err := loopback()
	if err != nil {
		return err
	}
	outer, err := loopback()
	if err != nil {
		return err
	}
	in.address, in.proxy = inner.Addr().String(), outer.Addr().String()
	silent := log.New(io.Discard, "", 0) // of clients that give up
	pages := &http.Server{Handler: in.pages, ErrorLog: silent, TLSConfig: &tls.Config{Certificates: []tls.Certificate{a.leaf}}}
	proxy := &http.Server{Handler: http.HandlerFunc(in.connect), ErrorLog: silent}
	go pages.ServeTLS(inner, "", "")
	go proxy.Serve(outer)
	t.Cleanup(func() {
		close(in.ended)
		proxy.Close()
		pages.Close() // and what the proxy leads there
	})
	return nil
}

// connect leads a client that asks for one of the names to it, and no further.
func (in *Internet) connect(w http.ResponseWriter, r *http.Request) {
	name := hostOf(r.Host)
	if r.Method != http.MethodConnect || !slices.Contains(hosts, name) || in.refuses(name) {
		http.Error(w, "no such host here", http.StatusBadGateway)
		return
	}
	there, err := net.Dial("tcp", in.address)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer there.Close()
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer here.Close()
	if _, err := io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	done := make(chan struct{}, 2)
	go func() { io.Copy(there, buffered); there.Close(); done <- struct{}{} }()
	go func() { io.Copy(here, there); here.Close(); done <- struct{}{} }()
	<-done
	<-done
}

// ProxyURL is where a proxy leads to the providers and nowhere else. Browsers take
// it too, for each window.
func (in *Internet) ProxyURL() string { return "http://" + in.proxy }

// Environment is what a process needs in its own to reach the providers, and
// believe that it is them. The file of certificates is gone when the test ends.
func (in *Internet) Environment(t testing.TB) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(path, mustTrust(t).pem, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"HTTPS_PROXY=" + in.ProxyURL(), "https_proxy=" + in.ProxyURL(), "SSL_CERT_FILE=" + path, "SSL_CERT_DIR=" + t.TempDir()}
}

// Pool holds the authority that vouches for the providers.
func (in *Internet) Pool(t testing.TB) *x509.CertPool {
	t.Helper()
	return mustTrust(t).pool
}

// Transport reaches the providers from this process, and nothing else.
func (in *Internet) Transport(t testing.TB) *http.Transport {
	t.Helper()
	transport := &http.Transport{
		Proxy:             http.ProxyURL(&url.URL{Scheme: "http", Host: in.proxy}),
		TLSClientConfig:   &tls.Config{RootCAs: mustTrust(t).pool},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}
