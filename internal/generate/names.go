// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// What customers are made of. No list goes by how frequent anything is.
var (
	firstNames = strings.Fields(`Aisha Aline Amir Ana Anders Anna Anton Arjan Astrid Bart Beatriz Ben Björn Bruno Camille Carla Carlos Carmen Chiara Clara
		Daan Dagmar David Diana Diego Elena Elias Elif Elin Emil Emma Erik Esra Eva Fatima Femke Finn Flora Frank Freya Gabriel Greta Hana Hanna Hans
		Hugo Ida Ines Ingrid Irene Isa Ivan Jan Jana Jens Joana Johan Jonas Jorge Julia Kai Karin Katja Klaas Lars Laura Lea Leo Lina Louis Lucas Luisa
		Maja Marco Maria Marie Marta Mateo Max Mehmet Mia Mila Milan Nadia Nina Noah Nora Olaf Olga Omar Oscar Pablo Paula Pedro Petra Pia Rafael René
		Rosa Ruth Sam Sara Sofia Sven Tara Theo Thomas Tim Tom Ulla Uma Vera Victor Wim Yara Yusuf Zoe`)

	lastNames = strings.Fields(`Aalto Abbas Acker Adler Almeida Amsel Andersen Antunes Arslan Baker Bakker Bauer Becker Berg Bianchi Blom Boer Bonnet Borg
		Brandt Braun Brouwer Bruun Cano Cardoso Carlsen Castro Claes Conti Costa Cruz Dahl Dekker Demir Dias Dijkstra Dubois Duarte Eriksen Evers
		Faber Fabre Falk Farah Fischer Fontana Franke Frost Fuchs Gallo Garnier Gomes Graf Greco Haas Hagen Haddad Hansen Hartog Hermans Holm Horn
		Ibsen Jacobs Jansen Jensen Kaya Keller Klein Koch Kok Krämer Kramer Kruse Lambert Lang Larsen Lehmann Lind Lopes Lund Maas Mancini Marin Martel
		Meijer Melo Meyer Moen Molina Moreau Mulder Nagel Neves Nielsen Noor Olsen Ortega Otto Özkan Pauli Peeters Pereira Petit Pinto Postma Prins Ramos
		Reis Ricci Roux Rossi Ruiz Sahin Santos Schmitt Serra Silva Simon Smit Solberg Sousa Stein Strand Tanner Teles Thiel Torres Vega Verhoef Visser
		Vogel Vos Wagner Weber Winter Wolff Yilmaz Zanetti Ziegler`)

	countries = strings.Fields("AT BE CH DE DK ES FI FR GB IE IT NL NO PT SE TR US")
	teams     = []string{"Ajax", "Benfica", "Feyenoord", "Lyon", "PSV", "Roma", "none"}
)
