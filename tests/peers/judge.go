// Judges end entity certificates by a CRL: judge ROOT ISSUING CRL LEAF... prints a line for each leaf, "good",
// "revoked" or what is wrong. Files are PEM.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

func read(name string) []byte {
	text, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(text)
	return block.Bytes
}

func certificate(name string) *x509.Certificate {
	found, err := x509.ParseCertificate(read(name))
	if err != nil {
		panic(err)
	}
	return found
}

func judge(root, issuing *x509.Certificate, list *x509.RevocationList, leaf *x509.Certificate) string {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	between.AddCert(issuing)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err != nil {
		return err.Error()
	}
	if err := list.CheckSignatureFrom(issuing); err != nil {
		return err.Error()
	}
	if now := time.Now(); now.Before(list.ThisUpdate) || now.After(list.NextUpdate) {
		return "the list is not current"
	}
	for _, entry := range list.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(leaf.SerialNumber) == 0 {
			return "revoked"
		}
	}
	return "good"
}

func main() {
	root, issuing := certificate(os.Args[1]), certificate(os.Args[2])
	list, err := x509.ParseRevocationList(read(os.Args[3]))
	if err != nil {
		panic(err)
	}
	for _, name := range os.Args[4:] {
		fmt.Println(judge(root, issuing, list, certificate(name)))
	}
}
