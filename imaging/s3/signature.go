package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// signature signs GET URLs by AWS Signature Version 4 in the query, all with the
// same credentials, moment, life and host. What these decide is computed once;
// the SDK does it anew for every URL, at more than ten times the cost and with a
// hundred allocations (BenchmarkPresignedURL), and a page has hundreds of URLs. A
// fuzz test holds the result equal to the SDK's, byte for byte.
type signature struct {
	query     []byte // with its question mark, as far as it is the same for all
	canonical []byte // what follows the path in the canonical request
	// The signing key as HMAC wants it, then the string to sign as far as it is
	// the same for all; and the key as HMAC's outer hash wants it.
	inner []byte
	outer [sha256.BlockSize]byte
}

func newSignature(c *aws.Credentials, region, host string, at time.Time, life time.Duration) *signature {
	at = at.UTC()
	moment, day := at.Format("20060102T150405Z"), at.Format("20060102")
	scope := day + "/" + region + "/s3/aws4_request"
	query := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + escapeQuery(c.AccessKeyID+"/"+scope) +
		"&X-Amz-Date=" + moment + "&X-Amz-Expires=" + strconv.FormatInt(int64(life/time.Second), 10)
	if c.SessionToken != "" {
		query += "&X-Amz-Security-Token=" + escapeQuery(c.SessionToken)
	}
	query += "&X-Amz-SignedHeaders=host"

	key := []byte("AWS4" + c.SecretAccessKey)
	for _, part := range []string{day, region, "s3", "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	s := &signature{
		query:     []byte("?" + query),
		canonical: []byte("\n" + query + "\nhost:" + host + "\n\nhost\nUNSIGNED-PAYLOAD"),
		inner:     make([]byte, sha256.BlockSize),
	}
	copy(s.inner, key)
	copy(s.outer[:], key)
	for i := range s.outer {
		s.inner[i] ^= 0x36
		s.outer[i] ^= 0x5c
	}
	s.inner = append(s.inner, "AWS4-HMAC-SHA256\n"+moment+"\n"+scope+"\n"...)
	return s
}

// append appends the query to a URL whose path, escaped as the standard wants it,
// is all from position path on. HMAC is spelled out: two hashes over bytes on the
// stack, where crypto/hmac would be a pool of keyed hashes.
func (s *signature) append(url []byte, path int) []byte {
	var room [2048]byte // for a path and a session token of the usual length
	text := append(append(append(room[:0], "GET\n"...), url[path:]...), s.canonical...)
	digest := sha256.Sum256(text)
	text = hex.AppendEncode(append(text[:0], s.inner...), digest[:])
	digest = sha256.Sum256(text)
	text = append(append(text[:0], s.outer[:]...), digest[:]...)
	digest = sha256.Sum256(text)
	url = append(append(url, s.query...), "&X-Amz-Signature="...)
	return hex.AppendEncode(url, digest[:])
}

func escapeQuery(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
