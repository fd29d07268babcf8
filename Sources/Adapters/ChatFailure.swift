import Values

/// What a chat server's refusal means.
enum ChatFailure {
    /// The error of a response whose status is not a success.
    static func error(_ response: HTTPResponse, _ endpoint: ChatEndpoint, _ json: JSONCodec) -> AdapterError {
        let said = (try? json.decode(response.body, false))?.field("error")
        let text = { (name: String) in said?.field(name)?.stringValue ?? "" }
        let details = ChatFailure.details(text("message"), endpoint)
        let code = text("code")
        let data: [AdapterError.Detail] = [.status(response.status), .host(endpoint.host)]
        let wait = response.retryAfterMs()
        switch response.status {
        case 401, 403:
            // Not what the server said: it may quote a part of the key.
            return AdapterError(
                .unauthorized, "\(endpoint.host) refused the key (\(response.status)): check OPENAI_API_KEY", data: data
            )
        case 404:
            return AdapterError(
                .modelNotFound,
                "\(endpoint.host) knows no such model or address (404)\(details): check OPENAI_MODEL and OPENAI_BASE_URL",
                data: data)
        case 429 where code == "insufficient_quota" || text("type") == "insufficient_quota":
            return AdapterError(
                .quotaExceeded, "the quota at \(endpoint.host) is used up: check its plan and billing", data: data)
        case 429:
            return AdapterError(
                .rateLimited, "\(endpoint.host) wants fewer requests (429)\(details): wait and try again",
                retryable: true,
                retryAfterMs: wait, data: data)
        case 408, 409, 500...:
            return AdapterError(
                .unavailable, "\(endpoint.host) could not answer (\(response.status))\(details): try again later",
                retryable: true,
                retryAfterMs: wait, data: data)
        case 300..<400:
            return AdapterError(
                .http, "\(endpoint.host) answered \(response.status) without saying where to go: check OPENAI_BASE_URL",
                data: data)
        default: return rejected(code, text("message"), response.status, details, data)
        }
    }

    private static func rejected(
        _ code: String, _ message: String, _ status: Int, _ details: String, _ data: [AdapterError.Detail]
    ) -> AdapterError {
        let lower = message.lowercased()
        if code == "context_length_exceeded" || lower.hasText("maximum context length") {
            return AdapterError(
                .contextLength, "the messages are too long for the model\(details): shorten or split them", data: data)
        }
        if code == "content_filter" || code == "content_policy_violation"
            || lower.hasText("content management policy")
        {
            return filtered(details, data)
        }
        return AdapterError(
            .badRequest, "the model's server rejected the request (\(status))\(details): check what was sent",
            data: data)
    }

    static func filtered(_ details: String = "", _ data: [AdapterError.Detail] = []) -> AdapterError {
        AdapterError(
            .contentFilter, "the model's server withheld the answer (content filter)\(details): change the messages",
            data: data)
    }

    /// An error object inside a stream that began well.
    static func inStream(_ error: Value, _ endpoint: ChatEndpoint, begun: Bool) -> AdapterError {
        let details = details(error.field("message")?.stringValue ?? "", endpoint)
        if error.field("code")?.stringValue == "content_filter" { return filtered(details) }
        return AdapterError(
            .unavailable, "\(endpoint.host) broke off its answer\(details): try again", retryable: !begun,
            data: [.host(endpoint.host)])
    }

    private static func details(_ message: String, _ endpoint: ChatEndpoint) -> String {
        let shown = endpoint.key?.hidden(in: message) ?? message
        return shown.isEmpty ? "" : ": " + quoted(String(shown.prefix(200)))
    }
}
