package s3

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what ETags are made of, and no secret
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/thumbedge/thumbedge/resolver/thumb"
)

// confirm returns an error where nothing shows that the server holds the JPEG that it
// has just said 200 to: a maintenance page says that, too.
//
// Mostly the answer to the upload shows it, by an ETag that is the MD5 of the bytes.
// It is something else where the server encrypts with keys of its own or of KMS
// (SSE-C, SSE-KMS), and with some servers that are not AWS. Then the object is read
// back, which needs nothing of a server but that it works.
func (s *Storage) confirm(ctx context.Context, key string, jpeg []byte, etag string) error {
	sum := md5.Sum(jpeg) //nolint:gosec // see above
	if strings.EqualFold(strings.Trim(etag, `"`), hex.EncodeToString(sum[:])) {
		return nil
	}
	body, _, err := s.Open(ctx, key)
	if errors.Is(err, thumb.ErrFileMissing) {
		return fmt.Errorf("the server accepted it, and does not have it: %w", err)
	}
	if err != nil {
		return fmt.Errorf("reading back what the server accepted: %w", err)
	}
	defer body.Close()
	held, err := io.ReadAll(io.LimitReader(body, int64(len(jpeg))+1))
	if err != nil {
		return fmt.Errorf("reading back what the server accepted: %w", err)
	}
	if !bytes.Equal(held, jpeg) {
		return errors.New("the server accepted it, and holds something else: is it a storage that answers at storage.endpoint?")
	}
	return nil
}
