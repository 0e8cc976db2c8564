// Package access decides by credentials who may watch which job: JSON Web
// Tokens, which an application signs for its users, and links, which anybody
// who has one can use until it expires.
//
// Tokens are parsed and verified by golang-jwt, keys of a JWKS by jwkset. What
// is here decides which key may be used for what: an algorithm belongs to a
// key, and no token can say otherwise.
package access
