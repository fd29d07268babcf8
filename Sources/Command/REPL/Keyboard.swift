import CEdit

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The characters that are typed, out of the bytes of a terminal.
struct Keyboard {
    private let descriptor: Int32
    /// Read behind a character that it ended.
    private var ahead: UInt8?

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Whether `next` has something without waiting.
    var isAhead: Bool { ahead != nil }

    /// The next character; U+FFFD for bytes that are none, nil at the end.
    mutating func next() -> Unicode.Scalar? {
        guard let first = ahead ?? byte() else { return nil }
        ahead = nil
        var bytes = [first]
        let width = first < 0xc2 || first > 0xf4 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
        while bytes.count < width, let next = byte() {
            guard next & 0xc0 == 0x80 else {
                ahead = next
                break
            }
            bytes.append(next)
        }
        return String(decoding: bytes, as: UTF8.self).unicodeScalars.first
    }

    private func byte() -> UInt8? {
        var byte: UInt8 = 0
        while true {
            let count = read(descriptor, &byte, 1)
            if count == 1 { return byte }
            guard count < 0, errno == EINTR || errno == EAGAIN else { return nil }
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            poll(&ready, 1, -1)
        }
    }

    /// How many columns a text takes as the editor shows it: control characters as `^X`.
    static func columns(of text: String) -> Int {
        text.unicodeScalars.reduce(0) {
            $0 + ($1.value < 0x20 ? 2 : max(0, Int(wcwidth(wchar_t(bitPattern: $1.value)))))
        }
    }
}
