package imaging

// SiteFile is the name, after storage.prefix, of the file in which a storage bears the
// identity of its site. It is no thumbnail: a driver neither lists it nor hands it out,
// but by its methods Site and SetSite.
const SiteFile = ".thumbedge-site"
