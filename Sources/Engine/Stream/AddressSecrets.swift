import Values

/// Secrets in addresses that stand in a text: the password before the host, and parameters whose name says that they are one.
enum AddressSecrets {
    /// The text with a mask in the place of each; nil when there are none.
    static func masked(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        var made: [UInt8]?
        var copied = 0
        var index = 0
        while index < text.count {
            guard let secret = secret(at: index, text) else {
                index += 1
                continue
            }
            var masked = made ?? []
            masked += text[copied..<secret.lowerBound]
            masked += SecretMask.mark.utf8
            made = masked
            copied = secret.upperBound
            index = max(secret.upperBound, index + 1)
        }
        guard var made else { return nil }
        made += text[copied...]
        return made
    }

    /// The bytes of a secret whose announcement begins at `index`.
    private static func secret(at index: Int, _ text: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        switch text[index] {
        case UInt8(ascii: ":"): password(after: index, text)
        case UInt8(ascii: "?"), UInt8(ascii: "&"), UInt8(ascii: "#"): parameter(after: index, text)
        default: nil
        }
    }

    /// `://user:PASSWORD@host`
    private static func password(after colon: Int, _ text: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        guard colon + 3 < text.count, text[colon + 1] == UInt8(ascii: "/"), text[colon + 2] == UInt8(ascii: "/") else {
            return nil
        }
        let start = colon + 3
        var (separator, at): (Int?, Int?) = (nil, nil)
        for index in start..<text.count {
            let byte = text[index]
            if endsAddress(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
            {
                break
            }
            // The last one: what is not encoded may have more.
            if byte == UInt8(ascii: "@") { at = index }
            if byte == UInt8(ascii: ":"), separator == nil { separator = index }
        }
        guard let separator, let at, separator + 1 < at else { return nil }
        return separator + 1..<at
    }

    /// `?name=SECRET`, `&name=SECRET` and `#name=SECRET`
    private static func parameter(after mark: Int, _ text: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        var end = mark + 1
        while end < text.count, end - mark <= longestName, isOfName(text[end]) { end += 1 }
        guard end < text.count, text[end] == UInt8(ascii: "="), SecretName.isSecret(text[mark + 1..<end]) else {
            return nil
        }
        let start = end + 1
        end = start
        while end < text.count, !endsAddress(text[end]), text[end] != UInt8(ascii: "&"), text[end] != UInt8(ascii: "#")
        {
            end += 1
        }
        return start < end ? start..<end : nil
    }

    private static let longestName = 64

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// What no address has: it ends before, or is a part of a sentence, or of data.
    private static func endsAddress(_ byte: UInt8) -> Bool {
        switch byte {
        case 0...32, 127, UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "<"), UInt8(ascii: ">"),
            UInt8(ascii: "\\"), UInt8(ascii: "`"):
            true
        default: false
        }
    }
}
