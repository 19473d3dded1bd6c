// The certificates, keys and kubeconfigs of a cluster.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// keyPair is a certificate with its key, also as PEM.
type keyPair struct {
	cert            *x509.Certificate
	key             *ecdsa.PrivateKey
	certPEM, keyPEM []byte
}

// writeKeys fills the directory with all that the components and the administrator need.
func writeKeys(dir, server string) error {
	ca, err := newKeyPair(nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: "mk8s-test-ca"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	})
	if err != nil {
		return err
	}
	if err := ca.write(dir, "ca"); err != nil {
		return err
	}
	loopback := []net.IP{net.IPv4(127, 0, 0, 1)}
	for name, template := range map[string]*x509.Certificate{
		"apiserver": {
			DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
			IPAddresses: append(loopback, net.IPv4(10, 96, 0, 1)), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		},
		"node":            {IPAddresses: loopback, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
		"kubelet-client":  clientCert("kube-apiserver-kubelet-client"),
		"service-account": {}, // only its key is used
	} {
		pair, err := newKeyPair(ca, template)
		if err != nil {
			return err
		}
		if err := pair.write(dir, name); err != nil {
			return err
		}
	}
	for file, template := range map[string]*x509.Certificate{
		kubeconfigFile:                  clientCert("admin", "system:masters"),
		"controller-manager.kubeconfig": clientCert("system:kube-controller-manager"),
		"node.kubeconfig":               clientCert("process-node", "system:masters"), // binds pods, which a kubelet may not
	} {
		pair, err := newKeyPair(ca, template)
		if err != nil {
			return err
		}
		config := api.NewConfig()
		config.Clusters["mk8s-test"] = &api.Cluster{Server: server, CertificateAuthorityData: ca.certPEM}
		config.AuthInfos["mk8s-test"] = &api.AuthInfo{ClientCertificateData: pair.certPEM, ClientKeyData: pair.keyPEM}
		config.Contexts["mk8s-test"] = &api.Context{Cluster: "mk8s-test", AuthInfo: "mk8s-test"}
		config.CurrentContext = "mk8s-test"
		if err := clientcmd.WriteToFile(*config, filepath.Join(dir, file)); err != nil { // readable by the owner alone
			return err
		}
	}
	return nil
}

func clientCert(user string, groups ...string) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// newKeyPair makes a key and has it certified by ca, or by itself when there is none.
func newKeyPair(ca *keyPair, template *x509.Certificate) (*keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return nil, err
	}
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().AddDate(1, 0, 0)
	template.KeyUsage |= x509.KeyUsageDigitalSignature
	issuer, issuerKey := template, key
	if ca != nil {
		issuer, issuerKey = ca.cert, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &keyPair{
		cert: cert, key: key,
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

func (p *keyPair) write(dir, name string) error {
	if err := os.WriteFile(filepath.Join(dir, name+".crt"), p.certPEM, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".key"), p.keyPEM, 0o600)
}
