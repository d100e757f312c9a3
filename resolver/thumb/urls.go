package thumb

import (
	"strings"
	"time"
)

// StorageURLs says how the storage URLs of one moment are written: each is Base, the
// escaped key of a file, and a signature where there is a Signer. A page takes one for all
// of its URLs, so that they are of one quantum. It is a plain value.
type StorageURLs struct {
	// Base is escaped, ends with a slash, and stays the same as long as the storage
	// lives.
	Base string
	// Own is Base with the storage's prefix, escaped: the URL of a file that is named by
	// the key scheme, which needs no escaping beyond that. "" where nobody set it.
	Own Keys
	// Signer signs; nil where URLs are not signed.
	Signer Signer
	// Expires is when the URLs stop to work; zero: never.
	Expires time.Time
	// None says that no file has a URL now: the storage never has them, or has no
	// credentials to sign them with.
	None bool

	// folder is Own with the folder of the capture that a URL was written for last: a page
	// has a capture's labels together.
	folder   [128]byte
	length   int
	folderOf ID
}

// Signer signs the URLs of one storage with one access key for one moment.
type Signer interface {
	// AppendSignature signs the URL that dst holds from index start on.
	AppendSignature(dst []byte, start int) []byte
	// Name names the access key and the moment: signers of one name sign alike.
	Name() []byte
}

// OnSite says whether the URLs are on the site itself, without an authority.
func (u *StorageURLs) OnSite() bool {
	return strings.HasPrefix(u.Base, "/") && !strings.HasPrefix(u.Base, "//")
}

// Append appends the URL of a label, which must be Warm, to dst; nothing where there is None.
// It allocates nothing where dst has room. The URL holds no byte that JSON would escape.
func (u *StorageURLs) Append(dst []byte, id ID, known *Known, label string, position int) []byte {
	start := len(dst)
	switch {
	case known.Paths != nil && known.Paths[position] != "":
		dst = AppendEscaped(append(dst, u.Base...), known.Paths[position])
	case len(u.Own) > len(u.folder)-longestFolder:
		dst = u.Own.Append(dst, id, label, known.Digits[position])
	default:
		if id != u.folderOf {
			u.enter(id)
		}
		dst = appendName(append(dst, u.folder[:u.length]...), label, known.Digits[position])
	}
	return u.sign(dst, start)
}

// enter makes folder that of another capture.
func (u *StorageURLs) enter(id ID) {
	u.length, u.folderOf = len(u.Own.AppendFolder(u.folder[:0], id)), id
}

// longestFolder is how long a capture's folder may be, without Keys.
const longestFolder = len("capture_9223372036854775807/")

// Of returns the URL of the file under any key, "" where there is None.
func (u *StorageURLs) Of(key string) string {
	return string(u.sign(AppendEscaped([]byte(u.Base), key), 0))
}

func (u *StorageURLs) sign(dst []byte, start int) []byte {
	switch {
	case u.None:
		return dst[:start]
	case u.Signer == nil:
		return dst
	}
	return u.Signer.AppendSignature(dst, start)
}
