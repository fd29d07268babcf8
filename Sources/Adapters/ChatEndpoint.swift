import Values

/// Where chat requests go, and as whom (P2).
package struct ChatEndpoint: Sendable {
    package static let publicURL = "https://api.openai.com/v1"
    package static let publicModel = "gpt-4o-mini"
    package static let publicEmbeddingModel = "text-embedding-3-small"
    /// A model may think for minutes; between two pieces of an answer it does not.
    static let timeoutMs: Int64 = 600_000
    static let idleMs: Int64 = 300_000

    package var baseURL: String
    package var key: APIKey?
    package var model: String

    package init(baseURL: String, key: APIKey?, model: String = ChatEndpoint.publicModel) {
        self.baseURL = baseURL
        self.key = key
        self.model = model
    }

    /// From `OPENAI_BASE_URL`, `OPENAI_API_KEY` and `OPENAI_MODEL`; nil when neither of the first two is set, which means to
    /// work offline.
    package static func fromEnvironment(_ variable: (String) -> String? = { environment($0) }) -> ChatEndpoint? {
        let (base, key) = (variable("OPENAI_BASE_URL"), variable("OPENAI_API_KEY"))
        if base == nil, key == nil { return nil }
        return ChatEndpoint(
            baseURL: base ?? publicURL, key: key.map { APIKey($0) }, model: variable("OPENAI_MODEL") ?? publicModel)
    }

    /// How messages name the server.
    package var host: String { (try? WebAddress(baseURL).authority) ?? "the model's server" }

    func url(_ path: String) -> String { (baseURL.hasSuffix("/") ? baseURL : baseURL + "/") + path }
}

/// A key that is never shown: not in errors, logs or dumps.
package struct APIKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let text: String

    package init(_ text: String) { self.text = text }
    package var description: String { SecretMask.mark }
    package var debugDescription: String { SecretMask.mark }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// Takes the key out of what another program said: servers like to quote a wrong key back.
    func hidden(in message: String) -> String {
        var mask = SecretMask()
        mask.learn(Text(text))
        return mask.masking(message)
    }
}
