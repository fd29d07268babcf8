import Values

/// `:http/request` (P25).
package struct HTTPEffects: Sendable {
    private let client: HTTPClient
    private let json: JSONCodec

    package init(client: HTTPClient, json: JSONCodec) {
        self.client = client
        self.json = json
    }

    package var all: [AdapterEffect] { [request] }

    /// `{:method :get :url "…" :headers {"accept" "…"} :query {:q "…"} :body "…"|bytes|data :as :text|:bytes|:json :stream? false
    /// :check? false :timeout-ms n :idle-ms n :max-bytes n :max-redirects n}` → `{:status :headers {"content-type" "…"} :body :url}`.
    ///
    /// A body that is neither a string nor bytes is sent as JSON. A status of 400 or more is an answer, unless `:check?`
    /// makes it an error. With `:stream?` the pieces of the body are reported as they come.
    private var request: AdapterEffect {
        AdapterEffect(type: "http/request") { [client, json] call, answer in
            do throws(AdapterError) {
                let request = try HTTPEffects.read(call, json)
                let form = try call.params.keyword(.as, of: [.text, .bytes, .json]) ?? .text
                let check = call.params.flag(.isCheck)
                return client.start(request) { result in
                    answer(
                        result.flatMap { response in
                            Result { () throws(AdapterError) in
                                if check, let failure = response.failure(request) { throw failure }
                                return try HTTPEffects.value(of: response, form, json)
                            }
                        })
                }
            } catch {
                answer(.failure(error))
                return nil
            }
        }
    }

    private static func read(_ call: EffectCall, _ json: JSONCodec) throws(AdapterError) -> HTTPRequest {
        let params = call.params
        let url = WebAddress.adding(try pairs(params, .query), to: try params.required(.url))
        var request = HTTPRequest(try method(params), url, clock: call.clock)
        request.headers = try pairs(params, .headers)
        if let body = params.value(.body) {
            if let bytes = body.withUTF8({ Array($0) }) {
                request.body = bytes
            } else if let bytes = Bytes.from(body) {
                request.body = bytes
            } else {
                request.body = try json.encoding(body, "the :body")
                if !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) {
                    request.headers.append(("Content-Type", "application/json"))
                }
            }
        }
        request.timeoutMs = try params.milliseconds(.timeoutMs, default: HTTPRequest.defaultTimeoutMs)
        request.idleMs = try params.milliseconds(.idleMs, default: HTTPRequest.defaultIdleMs)
        request.maxBytes = try params.maxBytes(default: HTTPRequest.defaultMaxBytes)
        request.maxRedirects = Int(try params.int(.maxRedirects, in: 0...100) ?? Int64(HTTPRequest.defaultRedirects))
        request.permit = { address throws(AdapterError) in try call.allow(address) }
        if params.flag(.isStream) {
            request.onChunk = { _, bytes in call.progress(.text(Text(repairing: bytes))) }
        }
        return request
    }

    private static func method(_ params: Params) throws(AdapterError) -> String {
        switch params.value(.method) {
        case nil: return "GET"
        case .keyword(let name): return name.name.uppercased()
        case let other?:
            if let text = other.stringValue { return text.uppercased() }
            throw params.wrong(.method, "a keyword such as :get", other)
        }
    }

    /// The entries of a map of strings, keywords and numbers, in its order.
    static func pairs(_ params: Params, _ key: KnownName) throws(AdapterError) -> [(
        name: String, value: String
    )] {
        guard let value = params.value(key) else { return [] }
        guard case .map(let map) = value else { throw params.wrong(key, "a map", value) }
        var found: [(name: String, value: String)] = []
        try map.forEach { (name, value) throws(AdapterError) in
            guard let name = word(name), let value = word(value) else {
                throw params.wrong(key, "a map from strings or keywords to strings or numbers", .map(map))
            }
            found.append((name, value))
            return true
        }
        return found
    }

    private static func word(_ value: Value) -> String? {
        switch value {
        case .shortText, .longText: value.stringValue
        case .keyword(let name): name.name
        case .int(let number): String(number)
        case .double(let number): String(number)
        case .bool(let flag): String(flag)
        default: nil
        }
    }

    private static func value(of response: HTTPResponse, _ form: KnownName, _ json: JSONCodec) throws(AdapterError)
        -> Value
    {
        var headers = MapBuilder()
        for (name, value) in response.headers { headers.set(.string(name), .string(value)) }
        var map = MapBuilder()
        map.set(.status, .int(Int64(response.status)))
        map.set(.headers, headers.value)
        map.set(.url, .string(response.url))
        switch form {
        case .bytes: map.set(.body, Bytes.value(response.body))
        // An empty answer (204, or to HEAD) is no JSON and no error.
        case .json where response.body.isEmpty: map.set(Value.kw(.body), .nil)
        case .json:
            let from = (try? WebAddress(response.url).authority) ?? "the server"
            map.set(.body, try json.decoding(response.body, keywords: true, "the answer of \(from)"))
        default: map.set(.body, .text(Text(repairing: response.body)))
        }
        return map.value
    }
}
