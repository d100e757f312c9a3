package check

import (
	"net/url"
	"testing"
)

// boto writes <bucket>.s3.amazonaws.com whatever the region, and the SDK here the region.
func TestOneFileHasManyURLsAtAmazon(t *testing.T) {
	t.Parallel()
	place := func(text string) string {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return placeOf(u)
	}
	for _, same := range []string{
		"https://antenna.s3.amazonaws.com/uploads/a.jpg", "https://antenna.s3.eu-west-1.amazonaws.com/uploads/a.jpg?X-Amz-Date=1",
		"https://s3.eu-west-1.amazonaws.com/antenna/uploads/a.jpg", "https://antenna.s3-eu-west-1.amazonaws.com/uploads/a.jpg",
	} {
		if got := place(same); got != "s3://antenna/uploads/a.jpg" {
			t.Errorf("%s is at %s", same, got)
		}
	}
	for _, other := range []string{
		"https://other.s3.amazonaws.com/uploads/a.jpg", "https://antenna.s3.amazonaws.com/a.jpg", "https://cdn.example.org/uploads/a.jpg",
		"https://antenna.s3.amazonaws.com.example.org/uploads/a.jpg",
	} {
		if got := place(other); got == "s3://antenna/uploads/a.jpg" {
			t.Errorf("%s counts as the same file", other)
		}
	}
}
