package check

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/thumbedge/thumbedge/cmd/thumbedge/config"
)

// saidByStorage is what an S3 server says is wrong, as its client library has it.
type saidByStorage interface {
	error
	ErrorCode() string
	ErrorMessage() string
}

const (
	otherRegion = "storage.region is not the bucket's"
	unknownKey  = "storage.endpoint does not know storage.access_key"
)

// wayOut says what to do about an error of an S3 server, by its code.
var wayOut = map[string]string{
	"AccessControlListNotSupported": `the bucket takes no ACLs: storage.acl = ""`,
	"AccessDenied": "storage.access_key needs s3:PutObject, s3:GetObject and s3:DeleteObject under storage.location, " +
		"s3:ListBucket on the bucket, and s3:PutObjectAcl for storage.acl",
	"AuthorizationHeaderMalformed": otherRegion,
	"ExpiredToken":                 "the credentials of the SDK's own chain have expired",
	"InvalidAccessKeyId":           unknownKey,
	"InvalidBucketName":            "storage.bucket cannot be a bucket's name",
	"MovedPermanently":             otherRegion,
	"NoSuchBucket":                 "storage.endpoint has no storage.bucket of that name",
	"PermanentRedirect":            otherRegion,
	"RequestTimeTooSkewed":         "set this machine's clock",
	"ServiceUnavailable":           "the storage is busy: try again",
	"SignatureDoesNotMatch":        "storage.secret_key is not that of storage.access_key, or a proxy before the storage changes Host or path",
	"SlowDown":                     "the storage is busy: try again",
	"XAdminUserNotFound":           unknownKey, // versitygw's
}

// advised says in a line what is wrong with the storage, and the way out. What the client
// library adds (attempts, ids, the way through its own middleware) is left out where the
// server, or the network, has said it all.
func advised(file *config.File, doing string, err error) error {
	var said saidByStorage
	var name *net.DNSError
	var dial *net.OpError
	switch {
	case errors.As(err, &said):
		text := said.ErrorCode()
		if message := said.ErrorMessage(); message != "" {
			text += ", " + message
		}
		if advice := wayOut[said.ErrorCode()]; advice != "" {
			text = strings.TrimSuffix(text, ".") + ". The way out: " + advice
		}
		return fmt.Errorf("%s: %s", doing, text)
	case errors.As(err, &name):
		advice := "storage.endpoint"
		if !file.Storage.PathStyle {
			advice += "; most servers that are not Amazon's need storage.path_style = true, too"
		}
		return fmt.Errorf("%s: there is no host %s. The way out: %s", doing, name.Name, advice)
	case errors.As(err, &dial):
		return fmt.Errorf("%s: %w. The way out: storage.endpoint is where the storage listens, or nothing runs there", doing, dial)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
