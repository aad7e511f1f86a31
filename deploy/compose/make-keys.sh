#!/bin/sh
# Creates missing files that nodes, workers and HAProxy need to start: the keys, the token of the admin API, the secret
# for introspection at the demo issuer, and a self-signed certificate for localhost.
set -eu
umask 077

if [ ! -s /keys/admin-token ]; then
  gatehouse keys generate assertion > /keys/assertion.jwk
  gatehouse keys generate encryption > /keys/encryption-key
  printf gatehouse-secret > /keys/introspection-secret
  gatehouse keys generate encryption > /keys/admin-token
fi
if [ ! -s /keys/policy-key ]; then gatehouse keys generate policy > /keys/policy-key; fi
if [ ! -s /keys/audit.key ]; then gatehouse keys generate audit > /keys/audit.key; fi
# User of the Gatehouse image, who reads the keys.
chown -R 1000:1000 /keys

if [ ! -s /certificate/certificate.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 90 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout /tmp/key.pem -out /tmp/certificate.pem
  cat /tmp/certificate.pem /tmp/key.pem > /certificate/certificate.pem
  rm /tmp/key.pem /tmp/certificate.pem
fi
# User of the HAProxy image, who reads the certificate.
chown 99:99 /certificate /certificate/certificate.pem
