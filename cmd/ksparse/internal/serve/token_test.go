package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// secret is a token that tests use.
const secret = "0123456789abcdef-._~"

// write writes a file for a test and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificate makes a certificate for 127.0.0.1 and returns its files, and who trusts it.
func certificate(t *testing.T) (certFile, keyFile string, trust *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM([]byte(block("CERTIFICATE", der)))
	return write(t, "cert.pem", block("CERTIFICATE", der)), write(t, "key.pem", block("PRIVATE KEY", keyDER)), trust
}

// TestToken: with a token, all routes but the probes need it.
func TestToken(t *testing.T) {
	s := server(t, plain(t), Options{TokenFile: write(t, "token", secret+"\n")})
	for given, ok := range map[string]bool{
		"Bearer " + secret: true, "bearer " + secret: true, "Bearer  " + secret + " ": true,
		"": false, "Bearer": false, "Bearer ": false, secret: false, "Basic " + secret: false,
		"Bearer " + secret[1:]: false, "Bearer " + secret + "x": false, "Bearer " + strings.ToUpper(secret): false,
	} {
		for _, rt := range append(routes, route{method: "GET", path: "/nothing"}) {
			w := ask(s, rt.method, rt.path, "", "Authorization", given)
			if refused := w.Code == http.StatusUnauthorized; refused != (!ok && !rt.open) {
				t.Errorf("%s with %q: %d", rt.path, given, w.Code)
			}
			if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no WWW-Authenticate", rt.path)
			}
		}
	}
	for _, content := range []string{"", "\n", "short", "two words of a token", secret + "\n" + secret, "0123456789abcdé"} {
		if _, err := New(plain(t), Options{TokenFile: write(t, "token", content)}); err == nil || !strings.Contains(err.Error(), "does not hold a token") {
			t.Errorf("token %q: error %v", content, err)
		} else if content != "" && strings.Contains(err.Error(), content) {
			t.Errorf("the error tells the token: %v", err)
		}
	}
}

// TestExposed: an address that other machines reach needs a token and TLS, or Insecure.
func TestExposed(t *testing.T) {
	token := write(t, "token", secret)
	cert, key, _ := certificate(t)
	for _, c := range []struct {
		o  Options
		ok bool
	}{
		{Options{Addr: "0.0.0.0:0"}, false},
		{Options{Addr: ":0"}, false},
		{Options{Addr: ":0", TokenFile: token}, false},
		{Options{Addr: ":0", CertFile: cert, KeyFile: key}, false},
		{Options{Addr: ":0", CertFile: cert, KeyFile: key, TokenFile: token}, true},
		{Options{Addr: ":0", Insecure: true}, true},
		{Options{Addr: "127.0.0.1:0"}, true},
		{Options{Addr: "127.1.2.3:0"}, true},
		{Options{Addr: "localhost:0"}, true},
	} {
		s := server(t, plain(t), c.o)
		err := s.Listen()
		if err == nil {
			(*s.listener.Load()).Close()
		}
		if (err == nil) != c.ok || err != nil && (!strings.Contains(err.Error(), "--insecure") || s.Addr() != nil) {
			t.Errorf("%+v: error %v, address %v", c.o, err, s.Addr())
		}
	}
}

// TestTLS: with a certificate the server speaks TLS and nothing else, from version 1.2, by
// HTTP/1.1 and HTTP/2.
func TestTLS(t *testing.T) {
	cert, key, trust := certificate(t)
	r := run(t, plain(t), Options{CertFile: cert, KeyFile: key})
	url := "https://" + r.Addr().String() + "/encode"
	for _, c := range []struct {
		version uint16
		http2   bool
		ok      bool
	}{{tls.VersionTLS13, true, true}, {tls.VersionTLS13, false, true}, {tls.VersionTLS12, false, true}, {tls.VersionTLS11, false, false}} {
		transport := &http.Transport{ForceAttemptHTTP2: c.http2, TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS10, MaxVersion: c.version}}
		answer, err := (&http.Client{Transport: transport}).Post(url, jsonType, strings.NewReader(`{"rows":[[3,1]]}`))
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode != 200 || (answer.ProtoMajor == 2) != c.http2 {
				t.Errorf("version %x: %d by %s", c.version, answer.StatusCode, answer.Proto)
			}
		}
		transport.CloseIdleConnections()
		if (err == nil) != c.ok {
			t.Errorf("version %x: error %v", c.version, err)
		}
	}
	answer, err := http.Get("http://" + r.Addr().String() + "/healthz")
	if err == nil {
		answer.Body.Close()
		if answer.StatusCode == 200 {
			t.Error("plain HTTP was answered")
		}
	}
}
