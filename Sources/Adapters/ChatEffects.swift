import Values

/// `:llm/chat` and `:llm/embed` (P2, P25): a server's when one is configured, extraction otherwise.
package struct ChatEffects: Sendable {
    private let client: ChatClient?
    private let offline: OfflineChat

    /// - Parameter endpoint: nil to work offline.
    package init(client: HTTPClient, endpoint: ChatEndpoint?, json: JSONCodec, names: Names) {
        self.client = endpoint.map { ChatClient(client: client, endpoint: $0, json: json, names: names) }
        offline = OfflineChat(json: json, names: names)
    }

    package var isOffline: Bool { client == nil }

    package var all: [AdapterEffect] {
        guard let client else {
            return [.immediate("llm/chat", offline.chat), .immediate("llm/embed", offline.embed)]
        }
        return [
            AdapterEffect(type: "llm/chat", start: client.chat), AdapterEffect(type: "llm/embed", start: client.embed),
        ]
    }
}
