package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// signature signs GET URLs by AWS Signature Version 4 in the query, all with the
// same credentials, moment, life and host. What these decide is computed once;
// the SDK does it anew for every URL, at thirty times the cost
// (BenchmarkPresignedURL), and a page has hundreds of URLs. A test holds the
// result equal to the SDK's, byte for byte.
type signature struct {
	query     []byte // with its question mark, as far as it is the same for all
	canonical []byte // what follows the path in the canonical request
	head      []byte // of the string to sign
	scratch   sync.Pool
}

// scratch is what signing one URL needs.
type scratch struct {
	mac  hash.Hash // keyed with the signing key
	text []byte
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
		head:      []byte("AWS4-HMAC-SHA256\n" + moment + "\n" + scope + "\n"),
	}
	s.scratch.New = func() any { return &scratch{mac: hmac.New(sha256.New, key)} }
	return s
}

// append appends the query to a URL whose path, escaped as the standard wants it,
// is all from position path on.
func (s *signature) append(url []byte, path int) []byte {
	w := s.scratch.Get().(*scratch)
	defer s.scratch.Put(w)
	w.text = append(append(w.text[:0], "GET\n"...), url[path:]...)
	digest := sha256.Sum256(append(w.text, s.canonical...))
	w.text = hex.AppendEncode(append(w.text[:0], s.head...), digest[:])
	w.mac.Reset()
	w.mac.Write(w.text)
	w.text = w.mac.Sum(w.text[:0])
	url = append(append(url, s.query...), "&X-Amz-Signature="...)
	return hex.AppendEncode(url, w.text)
}

func escapeQuery(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
