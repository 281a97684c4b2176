// Verifies a bundle with sigstore-go: sigstore_go BUNDLE TRUSTED_ROOT PUB.pem ARTIFACT
package main

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
)

func check() error {
	b, err := bundle.LoadJSONFromPath(os.Args[1])
	if err != nil {
		return err
	}
	logs, err := root.NewTrustedRootFromPath(os.Args[2])
	if err != nil {
		return err
	}
	text, err := os.ReadFile(os.Args[3])
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	verifier, err := signature.LoadVerifier(key, crypto.SHA256)
	if err != nil {
		return err
	}
	expiring := root.NewExpiringKey(verifier, time.Time{}, time.Time{})
	keys := root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
		return expiring, nil
	})
	v, err := verify.NewVerifier(root.TrustedMaterialCollection{logs, keys},
		verify.WithTransparencyLog(1), verify.WithNoObserverTimestamps())
	if err != nil {
		return err
	}
	artifact, err := os.Open(os.Args[4])
	if err != nil {
		return err
	}
	_, err = v.Verify(b, verify.NewPolicy(verify.WithArtifact(artifact), verify.WithKey()))
	return err
}

func main() {
	if len(os.Args) != 5 {
		os.Exit(2)
	}
	if err := check(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("Verified OK")
}
