//! A form with files, written exactly as given: nothing is escaped or corrected.

const BOUNDARY: &str = "----WebKitFormBoundaryx9G2mQw0pLr4Tz7K";
pub const CONTENT_TYPE: &str =
    "multipart/form-data; boundary=----WebKitFormBoundaryx9G2mQw0pLr4Tz7K";

#[derive(Clone, Default)]
pub struct Multipart(Vec<u8>);

impl Multipart {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn text(self, field: &str, value: &str) -> Self {
        let about = format!("Content-Disposition: form-data; name=\"{field}\"");
        self.part(about, value)
    }

    /// As a browser sends a file of unknown type.
    pub fn file(self, field: &str, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        self.typed_file(field, name, "application/octet-stream", content)
    }

    pub fn typed_file(
        self,
        field: &str,
        name: impl AsRef<[u8]>,
        media_type: &str,
        content: impl AsRef<[u8]>,
    ) -> Self {
        let begin = format!("Content-Disposition: form-data; name=\"{field}\"; filename=\"");
        let end = format!("\"\r\nContent-Type: {media_type}");
        let head = [begin.as_bytes(), name.as_ref(), end.as_bytes()].concat();
        self.part(head, content)
    }

    pub fn part(self, head: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        let mut all = self.0;
        all.extend_from_slice(format!("--{BOUNDARY}\r\n").as_bytes());
        all.extend_from_slice(head.as_ref());
        all.extend_from_slice(b"\r\n\r\n");
        all.extend_from_slice(content.as_ref());
        all.extend_from_slice(b"\r\n");
        Self(all)
    }

    /// With the parts of another form appended.
    pub fn then(self, other: &Self) -> Self {
        Self([self.0, other.0.clone()].concat())
    }

    pub fn whole(&self) -> Vec<u8> {
        [&self.0, format!("--{BOUNDARY}--\r\n").as_bytes()].concat()
    }

    /// With an unfinished last part.
    pub fn unfinished(&self) -> &[u8] {
        self.0.strip_suffix(b"\r\n").unwrap_or(&self.0)
    }
}
