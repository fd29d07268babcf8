import Values

/// The parts of an `http` or `https` address that decide where a request goes.
///
/// Stricter than libcurl on purpose: what the two could understand differently is refused, so that the host that was
/// checked is the host that is called.
package struct WebAddress: Equatable, Sendable {
    package var secure: Bool
    /// Lower case, without brackets.
    package var host: String
    package var port: Int
    /// A name or password stands before the host.
    package var hasCredentials: Bool

    /// The host with its port unless it is the usual one: how a grant names it.
    package var authority: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return port == (secure ? 443 : 80) ? shown : "\(shown):\(port)"
    }

    func sameOrigin(as other: WebAddress) -> Bool { secure == other.secure && host == other.host && port == other.port }

    package init(_ text: String) throws(AdapterError) {
        for byte in text.utf8 where byte <= 32 || byte == 127 || byte == UInt8(ascii: "\\") {
            throw WebAddress.invalid(text, "it contains a space, a backslash or a control character; percent-encode it")
        }
        let rest: Substring
        if let after = WebAddress.drop("https://", from: text) {
            (secure, rest) = (true, after)
        } else if let after = WebAddress.drop("http://", from: text) {
            (secure, rest) = (false, after)
        } else {
            throw WebAddress.invalid(text, "it must start with http:// or https://")
        }
        var authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        hasCredentials = false
        if let at = authority.lastIndex(of: "@") {
            authority = authority[authority.index(after: at)...]
            hasCredentials = true
        }
        let (name, digits) = try WebAddress.split(authority, text)
        guard !name.isEmpty else { throw WebAddress.invalid(text, "it names no host") }
        for scalar in name.unicodeScalars where scalar.isASCII && !WebAddress.allowed(scalar) {
            throw WebAddress.invalid(text, "\(quoted(String(scalar))) cannot be part of a host name")
        }
        host = name.lowercased()
        guard let digits else {
            port = secure ? 443 : 80
            return
        }
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(digits), (1...65535).contains(number)
        else {
            throw WebAddress.invalid(text, "the port must be a number from 1 to 65535")
        }
        port = number
    }

    private static func split(_ authority: Substring, _ text: String) throws(AdapterError) -> (Substring, Substring?) {
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { throw invalid(text, "the [ before the host has no ]") }
            let host = authority[authority.index(after: authority.startIndex)..<end]
            let after = authority[authority.index(after: end)...]
            if after.isEmpty { return (host, nil) }
            guard after.first == ":" else { throw invalid(text, "only a port may follow the ] of the host") }
            return (host, after.dropFirst())
        }
        guard let colon = authority.firstIndex(of: ":") else { return (authority, nil) }
        return (authority[..<colon], authority[authority.index(after: colon)...])
    }

    private static func allowed(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isAlphabetic || (48...57).contains(scalar.value) || "-._:".unicodeScalars.contains(scalar)
    }

    private static func drop(_ scheme: String, from text: String) -> Substring? {
        text.prefix(scheme.count).lowercased() == scheme ? text.dropFirst(scheme.count) : nil
    }

    private static func invalid(_ text: String, _ why: String) -> AdapterError {
        AdapterError(.invalidURL, "the address \(quoted(withoutSecrets(text))) cannot be used: \(why)")
    }

    /// An address as a message may show it: without credentials, and without the query, which often carries keys.
    package static func withoutSecrets(_ text: String) -> String {
        var shown = String(text.prefix { $0 != "?" && $0 != "#" })
        if let scheme = shown.rangeOfText("://"),
            let at = shown[scheme.upperBound...].prefix(while: { $0 != "/" }).lastIndex(of: "@")
        {
            shown.removeSubrange(scheme.upperBound...at)
        }
        return shown
    }

    /// The address with `pairs` added to its query.
    package static func adding(_ pairs: [(String, String)], to text: String) -> String {
        guard !pairs.isEmpty else { return text }
        let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let query = pairs.map { "\(encoded($0.0))=\(encoded($0.1))" }.joined(separator: "&")
        let joint = parts[0].contains("?") ? (parts[0].hasSuffix("?") || parts[0].hasSuffix("&") ? "" : "&") : "?"
        return parts[0] + joint + query + (parts.count > 1 ? "#" + parts[1] : "")
    }

    /// Percent-encodes everything but RFC 3986's unreserved characters.
    static func encoded(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95, 126: bytes.append(byte)
            default: bytes += [37, hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
