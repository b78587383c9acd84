// Says of each HOST=PORT whether its certificate is accepted for HOST, by Go's crypto/tls.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

func main() {
	pem, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		panic("no roots")
	}
	for _, pair := range os.Args[2:] {
		host, port, _ := strings.Cut(pair, "=")
		conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: roots, ServerName: host})
		var untrusted *tls.CertificateVerificationError
		switch {
		case err == nil:
			fmt.Println("accepted", host)
			conn.Close()
		case errors.As(err, &untrusted):
			fmt.Println("refused", host)
			fmt.Fprintln(os.Stderr, err)
		default:
			panic(err)
		}
	}
}
