package s3

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Config says which bucket thumbnails lie in, and at which URLs browsers find
// them. The tags name the keys of [storage].
type Config struct {
	Bucket string `toml:"bucket"`
	// Region of the bucket. "": what the SDK's chain says, else us-east-1.
	Region string `toml:"region"`
	// Endpoint of a server that is not AWS, such as "http://minio:9000". "": AWS.
	Endpoint string `toml:"endpoint"`
	// AccessKey and SecretKey; both "": the SDK's own chain (environment, shared
	// files, container or instance role).
	AccessKey string `toml:"access_key"`
	SecretKey string `toml:"secret_key,secret"`
	// Location is put before every key: the object lies at Location + key, as the
	// app's Django storage is set up. "" or a path that ends with a slash.
	Location string `toml:"location"`
	// PathStyle addresses the bucket by path rather than by host name, as most
	// servers other than AWS need.
	PathStyle bool `toml:"path_style"`
	// ACL is the canned ACL of stored objects; "": the bucket's default.
	ACL string `toml:"acl"`
	// PublicBaseURL is the address of the bucket's root as browsers see it, such
	// as a CDN's. "": the bucket's own address. With Presign, whatever answers
	// there has to pass Host and path on to the bucket unchanged.
	PublicBaseURL string `toml:"public_base_url"`
	// Presign is the life of signed URLs, for a bucket that the public may not
	// read; 0: URLs are not signed. Browsers never get one with less than half of
	// it left.
	Presign time.Duration `toml:"presign,empty"`
	// Private is that of private storage: URLs are signed always, and what is stored
	// may be kept by its reader alone. There is no key for it.
	Private bool
	// Timeout of one operation, retries and all; of a body that is being read, the
	// longest time without a byte. There is no key for it.
	Timeout time.Duration
}

// Defaults returns the configuration of an empty [storage], but for the bucket.
func Defaults() Config {
	return Config{Location: "uploads/", Timeout: 30 * time.Second}
}

// longestPresign is the limit of Signature Version 4.
const longestPresign = 7 * 24 * time.Hour

// Validate reports every problem, joined, each under its key.
func (c Config) Validate() error {
	var errs []error
	refuse := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("storage."+key+": "+format, args...))
	}
	if c.Bucket == "" {
		refuse("bucket", "must be set for the s3 driver")
	}
	if c.Endpoint != "" && !plainURL(c.Endpoint) {
		refuse("endpoint", "%q must be an http or https URL without user, query and fragment", c.Endpoint)
	}
	if c.PublicBaseURL != "" && !plainURL(c.PublicBaseURL) {
		refuse("public_base_url", "%q must be an http or https URL without user, query and fragment", c.PublicBaseURL)
	}
	if (c.AccessKey == "") != (c.SecretKey == "") {
		refuse("access_key", "must be set together with storage.secret_key, or neither")
	}
	if c.Location != "" && (!strings.HasSuffix(c.Location, "/") || strings.HasPrefix(c.Location, "/")) {
		refuse("location", "%q must be empty, or end with a slash and not begin with one", c.Location)
	}
	if known := types.ObjectCannedACL("").Values(); c.ACL != "" && !slices.Contains(known, types.ObjectCannedACL(c.ACL)) {
		refuse("acl", "%q must be empty or one of %v", c.ACL, known)
	}
	if c.Presign != 0 && (c.Presign < time.Minute || c.Presign > longestPresign || c.Presign%time.Second != 0) {
		refuse("presign", "%v must be empty or whole seconds from 1m to 168h", c.Presign)
	}
	if c.Private && (c.Presign == 0 || c.ACL != "" || c.PublicBaseURL != "") {
		errs = append(errs, errors.New("a private bucket's URLs must be signed, and nothing may make its objects public"))
	}
	if c.Timeout <= 0 {
		errs = append(errs, errors.New("the timeout of storage operations must be positive"))
	}
	return errors.Join(errs...)
}

// plainURL says whether a base URL is nothing but scheme, authority and path.
func plainURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}
