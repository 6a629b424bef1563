#!/bin/sh
# Makes every certificate here anew, valid from 2020 to 2120, `expired` to 2021. Needs openssl 3; the tests do not need it.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/index" && mkdir "$work/issued"

# issue <name> <common name> <extensions> [openssl ca arguments]: by the authority, unless the arguments say otherwise.
issue() {
  name=$1 common=$2 extensions=$3
  shift 3
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$name.key"
  openssl req -new -key "$name.key" -subj "/CN=$common" -out "$work/$name.csr"
  cat >"$work/config" <<CONFIG
[ca]
default_ca = here
[here]
database = $work/index
new_certs_dir = $work/issued
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
$extensions
CONFIG
  openssl ca -batch -notext -config "$work/config" -in "$work/$name.csr" -out "$name.pem" \
    -startdate 20200101000000Z -enddate 21200101000000Z "$@"
}
by_authority='-cert ca.pem -keyfile ca.key'
here='subjectAltName = DNS:localhost,IP:127.0.0.1'

issue ca 'Flowcraft test authority' 'basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign' -selfsign -keyfile ca.key
issue server localhost "basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth
$here" $by_authority
issue elsewhere elsewhere.example 'basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:elsewhere.example' $by_authority
issue expired localhost "basicConstraints = critical,CA:FALSE
extendedKeyUsage = serverAuth
$here" $by_authority -enddate 20210101000000Z
issue client 'flowcraft client' 'basicConstraints = critical,CA:FALSE
extendedKeyUsage = clientAuth' $by_authority
issue self-signed 'vouches for itself' "basicConstraints = critical,CA:FALSE
$here" -selfsign -keyfile self-signed.key
rm ca.key
chmod 644 ./*.key
