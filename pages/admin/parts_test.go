// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDiffKeepsBothTexts(t *testing.T) {
	long := strings.Repeat("word by word, ", 4000)
	for _, texts := range [][2]string{
		{"", ""}, {"a", ""}, {"", "a"}, {"same", "same"}, {oldTerms, newTerms}, {newTerms, oldTerms}, {hostile, oldTerms},
		{"a b c d", "a x c y"}, {"\n\n", "\n"}, {"Ærlig talt.", "Ærlig  talt!"}, {"\xff\xfe", "\xff"},
		{long, strings.ToUpper(long)}, {"begin " + long, "begin other " + long},
	} {
		var before, after strings.Builder
		pieces := Diff(texts[0], texts[1])
		for _, p := range pieces {
			if p.Kind != PieceAdded {
				before.WriteString(p.Text)
			}
			if p.Kind != PieceRemoved {
				after.WriteString(p.Text)
			}
		}
		if before.String() != texts[0] || after.String() != texts[1] {
			t.Errorf("%.60q to %.60q: the pieces are of %.60q and %.60q", texts[0], texts[1], before.String(), after.String())
		}
	}
}

func TestDiffMarksWordsThatChanged(t *testing.T) {
	for _, test := range []struct {
		before, after string
		want          []Piece
	}{
		{"", "", nil},
		{"same", "same", []Piece{{PieceSame, "same"}}},
		{"You must be sixteen.", "You must be eighteen.", []Piece{{PieceSame, "You must be "}, {PieceRemoved, "sixteen"}, {PieceAdded, "eighteen"}, {PieceSame, "."}}},
		{"one two end", "three four end", []Piece{{PieceRemoved, "one two"}, {PieceAdded, "three four"}, {PieceSame, " end"}}},
		{"a", "a b", []Piece{{PieceSame, "a"}, {PieceAdded, " b"}}},
		{"a b", "a", []Piece{{PieceSame, "a"}, {PieceRemoved, " b"}}},
	} {
		if got := Diff(test.before, test.after); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q to %q: %q", test.before, test.after, got)
		}
	}
}

func TestChartEndsAtARoundNumberAboveAll(t *testing.T) {
	for most, want := range map[int64]int64{0: 2, 1: 2, 2: 2, 3: 4, 5: 6, 9: 10, 11: 20, 21: 30, 41: 50, 70: 80, 99: 100, 2072: 3000, 1 << 40: 2_000_000_000_000} {
		c := Chart{Days: days(2), Series: []Series{{Values: []int64{0, most}}}}
		if got := c.Top(); got != want {
			t.Errorf("of %d: %d, want %d", most, got, want)
		}
	}
	c := Chart{Kind: ChartBars, Days: days(1), Series: []Series{{Values: []int64{30}}, {Values: []int64{30}}}}
	if got := c.Top(); got != 60 {
		t.Errorf("bars that stand on each other end at %d", got)
	}
}

func TestChartSaysInWordsWhatItShows(t *testing.T) {
	c := Chart{Title: "Logins", Days: days(3), Series: []Series{{Name: "Logins", Values: []int64{1, 2000, -5, 7}}, {Name: "Sessions", Values: []int64{4}, Level: true}}}
	want := "Logins from 12 March 2027 to 14 March 2027. Logins: 2,001 in all, at most 2,000 on 13 March 2027. Sessions: at most 4 on 12 March 2027."
	if got := c.Summary(); got != want {
		t.Errorf("%s", got)
	}
	if drawn := string(c.Drawing()); !strings.Contains(drawn, `role="img" aria-label="`+want+`"`) {
		t.Errorf("%s", drawn)
	}
}

func TestNoChartIsDrawnWithoutDaysOrBeyondItsFrame(t *testing.T) {
	for _, kind := range []ChartKind{ChartLines, ChartBars} {
		for n := range 4 {
			c := Chart{Kind: kind, Title: `"><script>`, Days: days(n), Series: []Series{{Name: "<b>", Values: []int64{1 << 62, -1, 3}}}}
			if drawn := string(c.Drawing()); strings.Contains(drawn, "NaN") || strings.Contains(drawn, "Inf") || strings.Contains(drawn, "=\"-") || strings.Contains(drawn, "<script") {
				t.Errorf("%s of %d days: %s", kind, n, drawn)
			}
		}
	}
}

func TestSharesAreNeverRoundedToNothingOrAll(t *testing.T) {
	r := ShareRow{Parts: []Share{{Count: 999_999}, {Count: 1}, {Count: 0}, {Count: -4}}}
	for i, want := range []string{">99 %", "<1 %", "0 %", "0 %"} {
		if got := r.Percent(r.Parts[i]); got != want {
			t.Errorf("%d of %d: %s", r.Parts[i].Count, r.Sum(), got)
		}
	}
	all := ShareRow{Parts: []Share{{Count: 3}}}
	if got := all.Percent(all.Parts[0]); got != "100 %" {
		t.Errorf("all: %s", got)
	}
	if none := (ShareRow{Parts: []Share{{}}}); none.Percent(none.Parts[0]) != "0 %" {
		t.Error("of nothing something is left")
	}
}

func TestNumbersAreWrittenInThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 1204331: "1,204,331", -1234: "−1,234"} {
		if got := number(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestOnlyPathsAndWebPagesAreLinks(t *testing.T) {
	for address, linked := range map[string]bool{
		"/admin": true, "?after=x": true, "#main": true, "https://a.example/x?y=1": true, "http://localhost:8080/": true,
		"": false, "javascript:alert(1)": false, "JavaScript:alert(1)": false, " javascript:alert(1)": false, "data:text/html,x": false,
		"//evil.example": false, `/\evil.example`: false, "/a\tb": false, "https://u:p@evil.example": false, "https:": false, "mailto:a@b": false, "%zz": false,
	} {
		if got := link(address) != ""; got != linked {
			t.Errorf("%q: %v", address, got)
		}
	}
}

// shown renders a page and returns its elements of a name.
func shown(t *testing.T, v View, name string) (found []*element) {
	t.Helper()
	w := httptest.NewRecorder()
	mustRenderer(t).Show(w, 0, v)
	for _, e := range elements(t, w.Body.Bytes()) {
		if e.name == name {
			found = append(found, e)
		}
	}
	return found
}

func TestSortingKeepsTheFilterAndBeginsAgain(t *testing.T) {
	v := typical.customers()
	v.Pager = Pager{}
	for _, a := range shown(t, v, "a") {
		if !slices.Contains(a.parents, "thead") {
			continue
		}
		u, err := url.Parse(a.attrs["href"])
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		by := q.Get("sort")
		q.Del("sort")
		want := url.Values{
			"search": {"ann"}, "registeredFrom": {"2026-01-01"}, "lastLoginFrom": {"2026-02-30"}, "unverified": {"true"},
			"consent": {"marketing"}, "consentState": {"accepted"}, "consentVersion": {"2"},
		}
		if by == "" || !reflect.DeepEqual(q, want) {
			t.Errorf("%s leads to %v", a.text, q)
		}
	}
}

func TestOnlyWhatIsAllowedIsOffered(t *testing.T) {
	for _, acts := range [][]CustomerAct{nil, {ActExport}, {ActEnable, ActErase}, {ActSendReset, ActVerify, ActChangeEmail, ActSignOut, ActExport, ActDisable, ActErase}} {
		v := typical.customer()
		v.Acts, v.Sessions = acts, nil // each of which has a button of its own
		var got []CustomerAct
		for _, form := range shown(t, v, "form") {
			if act, ok := strings.CutPrefix(form.attrs["action"], "/admin/100000001/customers/100432871/"); ok {
				got = append(got, CustomerAct(act))
			}
		}
		if !slices.Equal(got, acts) {
			t.Errorf("of %v offered are %v", acts, got)
		}
	}
}

func TestFieldsOfTheConfigurationAreShownAndNotSent(t *testing.T) {
	v := &Page{Main: []Section{{Forms: []Form{{ID: "f", Fields: []Field{
		{Name: "own", Label: "Own", Value: "x"}, {Name: "declared", Label: "Declared", Value: "said there", ReadOnly: "Set in the server's configuration file.", Error: "never"},
	}}}}}}
	inputs := shown(t, v, "input")
	if len(inputs) != 1 || inputs[0].attrs["name"] != "own" {
		t.Errorf("the form sends %d values", len(inputs))
	}
	w := httptest.NewRecorder()
	mustRenderer(t).Show(w, 0, v)
	for _, want := range []string{"said there", "Set in the server&#39;s configuration file."} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if strings.Contains(w.Body.String(), `id="alert"`) {
		t.Error("what cannot be changed is called wrong")
	}
}

func TestPasswordsAreNeverSentBack(t *testing.T) {
	v := &Page{Main: []Section{{Forms: []Form{{ID: "f", Fields: []Field{{Kind: KindPassword, Name: "p", Label: "P", Value: "hunter2"}}}}}}}
	w := httptest.NewRecorder()
	if mustRenderer(t).Show(w, 0, v); strings.Contains(w.Body.String(), "hunter2") {
		t.Error("the page holds the password")
	}
}

func TestRequiredIsSaidWhereNotEverythingIs(t *testing.T) {
	both := []Field{{Name: "a", Label: "A", Required: true}, {Name: "b", Label: "B"}}
	for _, test := range []struct {
		fields []Field
		want   int
	}{{both, 1}, {both[:1], 0}, {both[1:], 0}} {
		v := &Page{Main: []Section{{Forms: []Form{{ID: "f", Fields: test.fields}}}}}
		tags := 0
		for _, span := range shown(t, v, "span") {
			if span.text == "(required)" {
				tags++
			}
		}
		if tags != test.want {
			t.Errorf("%d fields of %d are called required", tags, len(test.fields))
		}
	}
}

func TestTimesAreInUTCWhateverTheirZone(t *testing.T) {
	zone := time.FixedZone("", 3*60*60)
	v := &Page{Main: []Section{{Definitions: []Definition{{"At", Cell{Time: time.Date(2027, 1, 1, 1, 30, 0, 0, zone)}}}}}}
	times := shown(t, v, "time")
	if len(times) != 1 || times[0].text != "31\u00a0Dec\u00a02026, 22:30" || times[0].attrs["datetime"] != "2026-12-31T22:30:00Z" {
		t.Errorf("%+v", times)
	}
}

func TestRolesAreCalledByTheirNames(t *testing.T) {
	w := httptest.NewRecorder()
	mustRenderer(t).Show(w, 0, &Problem{Chrome: typical.desk(SectionStaff), Status: 403, Need: "owner"})
	if want := "It needs the role Owner; yours is Editor."; !strings.Contains(w.Body.String(), want) {
		t.Errorf("the page does not say %q", want)
	}
}
