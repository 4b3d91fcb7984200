// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/url"
	"strconv"

	acts "github.com/usher-sso/usher/internal/admin"
)

// spareLinks is how many further links the form has room for.
const spareLinks = 3

// brand returns the parts about how viewers' pages look.
func (v *Settings) brand() []Section {
	colors := Section{ID: "brand", Heading: "Look of viewers' pages"}
	if v.Now.Declared.Brand {
		colors.Declared = inFile
		return []Section{colors}
	}
	if !v.may("brand.save") {
		colors.Definitions = []Definition{{"Colour", Cell{Text: v.Now.Brand.Color, Code: true, Absent: "The plain one"}}}
		for _, l := range v.Now.Brand.Links {
			colors.Definitions = append(colors.Definitions, Definition{"Link", Cell{Text: l.Name, URL: l.URL}})
		}
		return []Section{colors, v.picture("logo", "Logo", v.Now.Brand.Logo), v.picture("favicon", "Icon", v.Now.Brand.Favicon)}
	}
	colors.Forms = []Form{v.brandForm()}
	logo, icon := v.picture("logo", "Logo", v.Now.Brand.Logo), v.picture("favicon", "Icon", v.Now.Brand.Favicon)
	logo.Lead = "Stands at the head of every page. SVG, PNG, WebP, JPEG or GIF of at most 45 KiB."
	icon.Lead = "What browsers show beside the title of a page. As the logo, and square."
	logo.Forms = v.pictureForms("logo", v.Now.Brand.Logo)
	icon.Forms = v.pictureForms("favicon", v.Now.Brand.Favicon)
	return []Section{colors, logo, icon}
}

func (v *Settings) brandForm() Form {
	f := Form{
		ID: "brand-form", Action: v.to("brand.save"), Submit: "Save the look", Tone: ToneAccent, Hidden: []Pair{v.revision()},
		Fields: []Field{{Name: "color", Label: "Colour", Value: v.Now.Brand.Color, MaxLength: 7,
			Hint: "Of buttons and links: six hexadecimal digits, such as 0a5bd3. It is darkened or lightened where it could not be read. Empty: the plain one."}},
	}
	links := v.Now.Brand.Links
	for i := range len(links) + spareLinks {
		at, legend := "links."+strconv.Itoa(i)+".", "Another link"
		var l acts.LinkInput
		if i < len(links) {
			l, legend = links[i], "Link "+strconv.Itoa(i+1)+": "+links[i].Name
		}
		f.Sets = append(f.Sets, FieldSet{Legend: legend, Folded: true, Fields: []Field{
			{Name: at + "name", Label: "Words", Value: l.Name, MaxLength: 60, Hint: "At the foot of viewers' pages. The words terms, privacy, imprint, help, contact and accessibility are translated for each viewer. Leave both empty for no link."},
			{Kind: KindURL, Name: at + "url", Label: "Address", Value: l.URL, MaxLength: 500},
		}})
	}
	return f
}

// picture shows a picture of the brand.
func (v *Settings) picture(kind, title, id string) Section {
	s := Section{ID: kind, Heading: title}
	if id == "" {
		s.Badges = []Badge{{"None", ""}}
		return s
	}
	s.Picture = &Picture{URL: v.Path("brand/pictures/" + url.PathEscape(id)), Alt: title + " as it is now"}
	return s
}

func (v *Settings) pictureForms(kind, id string) []Form {
	hidden := []Pair{v.revision(), {"kind", kind}}
	forms := []Form{{
		ID: kind + "-form", Action: v.to("brand.picture"), Hidden: hidden, Submit: "Use this picture", Upload: true,
		Fields: []Field{{Kind: KindFile, Name: "picture", Label: "Picture", Required: true, Accept: "image/svg+xml,image/png,image/webp,image/jpeg,image/gif"}},
	}}
	if id != "" {
		forms = append(forms, Form{ID: kind + "-none", Action: v.to("brand.picture"), Hidden: hidden, Submit: "Take it away", About: "(" + kind + ")", Tone: ToneDanger})
	}
	return forms
}
