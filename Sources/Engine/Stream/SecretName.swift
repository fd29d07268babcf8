import Values

/// What things that must not be seen are called: one table for keys of data, headers, parameters of addresses and variables.
///
/// Case makes no difference, nor do dashes and underscores, and what stands before is the owner's: `Proxy-Authorization`,
/// `:db-password`, `x_api_key` and `accessToken` are names of secrets.
package enum SecretName {
    /// In lower case, without dashes and underscores.
    private static let endings = [
        "authorization", "cookie", "apikey", "accesskey", "secretkey", "privatekey", "password", "passwd", "passphrase",
        "secret", "token", "credentials",
    ].map { Array($0.utf8) }

    /// Last words that name a secret where all other names are a system's: a variable `DEPLOY_KEY`, but not a map's `:sort-key`.
    private static let wordsOfVariables: Set<String> = ["key", "pass", "pwd", "pat", "auth", "pin"]

    /// Bits of the letters that the endings end in: of most keys the last letter says enough.
    private static let lastLetters = endings.reduce(UInt32(0)) { $0 | bit($1.last!) }

    private static func bit(_ letter: UInt8) -> UInt32 { 1 << UInt32(letter & 31) }

    /// Whether a key, a header or a parameter of this name holds a secret.
    package static func isSecret(_ name: some BidirectionalCollection<UInt8>) -> Bool {
        guard let last = name.last, lastLetters & bit(last) != 0 else { return false }
        return endings.contains { ends(name, in: $0) }
    }

    /// Whether a variable of the environment of this name holds a secret.
    package static func isSecret(variable name: String) -> Bool {
        if isSecret(name.utf8) { return true }
        return name.split(separator: "_").last.map { wordsOfVariables.contains($0.lowercased()) } ?? false
    }

    /// Whether a map's key names a secret.
    static func isSecret(key: Value) -> Bool {
        if case .keyword(let name) = key { return isSecret(name.name.utf8) }
        return key.withUTF8 { isSecret($0) } ?? false
    }

    private static func ends(_ name: some BidirectionalCollection<UInt8>, in ending: [UInt8]) -> Bool {
        var left = ending.count
        for byte in name.reversed() where byte != UInt8(ascii: "-") && byte != UInt8(ascii: "_") {
            guard byte | 0x20 == ending[left - 1] else { return false }
            left -= 1
            if left == 0 { return true }
        }
        return false
    }
}
