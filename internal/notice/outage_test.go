// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package notice_test

import (
	"fmt"
	"io"
	"net"
	netmail "net/mail"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/authstore/bolt"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/notice/noticetest"
	"github.com/usher-sso/usher/internal/throttle"
)

// postOffice is a mail server that may be down.
type postOffice struct {
	net.Listener
	down  atomic.Bool
	calls atomic.Int32

	mu  sync.Mutex
	got []string // recipient and Message-ID; guarded by mu
}

// Accept hangs up on everybody while the server is down.
func (p *postOffice) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p.calls.Add(1)
		if !p.down.Load() {
			return c, nil
		}
		c.Close()
	}
}

func newPostOffice(t *testing.T) *postOffice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &postOffice{Listener: l}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &counter{p: p}, nil }))
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(p) })
	t.Cleanup(func() {
		s.Close()
		l.Close()
		serving.Wait()
	})
	return p
}

// counter is one connection to the post office.
type counter struct {
	p  *postOffice
	to string
}

func (*counter) Mail(string, *smtp.MailOptions) error        { return nil }
func (c *counter) Rcpt(to string, _ *smtp.RcptOptions) error { c.to = to; return nil }
func (*counter) Reset()                                      {}
func (*counter) Logout() error                               { return nil }

func (c *counter) Data(r io.Reader) error {
	m, err := netmail.ReadMessage(r)
	if err != nil {
		return err
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.p.got = append(c.p.got, c.to+" "+m.Header.Get("Message-Id"))
	return nil
}

// arrived returns how often each recipient got mail, and insists that no
// Message-ID came twice.
func (p *postOffice) arrived(t *testing.T) map[string]int {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	counts, ids := map[string]int{}, map[string]bool{}
	for _, line := range p.got {
		to, id, _ := strings.Cut(line, " ")
		if counts[to]++; ids[id] || id == "" {
			t.Errorf("%s came twice", line)
		}
		ids[id] = true
	}
	return counts
}

// process is one life of a server: its store is open, its worker works.
type process struct {
	*notice.Sender
	store  *authstore.Store
	worker *notice.Worker
	end    func()

	mu       sync.Mutex
	failures int // guarded by mu
}

func start(t *testing.T, file string, clock *authstoretest.Clock, p *postOffice) *process {
	t.Helper()
	backend, err := bolt.Open(file, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	life := &process{store: authstore.New(backend, clock.Now)}
	life.end = sync.OnceFunc(func() { _ = backend.Close() })
	t.Cleanup(life.end)
	if err := life.store.DeclarePublishers(t.Context(), []authstore.Publisher{nova}); err != nil {
		t.Fatal(err)
	}
	server, err := mail.NewSMTP(mail.SMTPConfig{Host: "127.0.0.1", Port: p.Addr().(*net.TCPAddr).Port, Encryption: mail.NoTLS})
	if err != nil {
		t.Fatal(err)
	}
	life.Sender = notice.NewSender(life.store, throttle.New(clock.Now))
	life.worker = noticetest.Worker(t, life.Sender, notice.WorkerConfig{
		Store: life.store, Mailer: server, Links: &links{},
		Report: func(error) {
			life.mu.Lock()
			defer life.mu.Unlock()
			life.failures++
		},
	})
	return life
}

func (p *process) failed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failures
}

func TestMailsOutliveAnOutageAndARestartAndArriveOnce(t *testing.T) {
	const customers = 12
	file, clock, post := filepath.Join(t.TempDir(), "usher.db"), authstoretest.NewClock(), newPostOffice(t)
	first := start(t, file, clock, post)
	var all []authstore.Customer
	for i := range customers {
		email := fmt.Sprintf("c%d@example.com", i)
		c, err := first.store.Register(t.Context(), authstore.Registration{
			Customer: authstore.Customer{PublisherID: nova.ID, Email: email},
			Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: email},
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}

	post.down.Store(true)
	for _, c := range all { // as requests do
		if err := first.PasswordChanged(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if post.calls.Load() != 0 {
		t.Error("a request spoke to the mail server")
	}
	first.worker.DeliverDue(t.Context())
	if got := post.arrived(t); len(got) != 0 || first.failed() != customers {
		t.Fatalf("while the server was down %v arrived, and %d tries failed", got, first.failed())
	}
	clock.Add(20 * time.Second)
	first.worker.DeliverDue(t.Context()) // still down
	// The process dies while a mail is under way.
	clock.Add(time.Minute)
	post.down.Store(false)
	lost, err := first.store.ClaimMails(t.Context(), 1, 2*time.Minute)
	if err != nil || len(lost) != 1 {
		t.Fatalf("claimed %+v, %v", lost, err)
	}
	first.end()

	second := start(t, file, clock, post)
	for range 3 {
		clock.Add(10 * time.Second)
		second.worker.DeliverDue(t.Context())
	}
	if got := post.arrived(t); len(got) != customers-1 || second.failed() != 0 {
		t.Errorf("a minute later %v arrived", got)
	}
	clock.Add(2 * time.Minute) // the dead process's lease is over
	for range 3 {
		second.worker.DeliverDue(t.Context())
		clock.Add(24 * time.Hour)
	}
	got := post.arrived(t)
	for _, c := range all {
		if got[c.Email] != 1 {
			t.Errorf("%s got %d mails, want 1", c.Email, got[c.Email])
		}
	}
}
