import Engine
import Values

/// Everything this target handles, made for one instance.
package struct AdapterSet: Sendable {
    package let effects: [AdapterEffect]
    /// The effect types that an engine is made with.
    package let types: [EffectType]
    /// No model server is configured: chat answers by extraction.
    package let isOffline: Bool
    /// What holds servers of tools, which have to be let go of in the end.
    package let mcp: MCPEffects
    package let programs: ProcessRunner

    /// - Parameters:
    ///   - endpoint: the chat server; nil to answer offline.
    ///   - secrets: masks what is logged; told the server's key and variables that hold secrets, so that nothing shows them.
    ///   - input: what `:stdin/line` reads; nil where standard input is not the script's.
    ///   - log: takes the lines of `:log/*`.
    package init(
        json: JSONCodec, names: Names, endpoint: ChatEndpoint? = .fromEnvironment(),
        certificates: Certificates = .fromEnvironment(), secrets: Redactor = Redactor(), input: LineReader? = nil,
        log: @escaping SmallEffects.LogSink
    ) {
        let client = HTTPClient(certificates: certificates)
        let chat = ChatEffects(client: client, endpoint: endpoint, json: json, names: names)
        let mcp = MCPEffects(client: client, json: json, names: names)
        self.mcp = mcp
        let programs = ProcessRunner()
        self.programs = programs
        isOffline = chat.isOffline
        if let key = endpoint?.key { secrets.add(key.text) }
        effects =
            FileEffects().all + HTTPEffects(client: client, json: json).all + chat.all + mcp.all
            + ProcessEffects(runner: programs).all
            + LineEffects(input).all + SmallEffects(log: log, secrets: secrets).all
        types = effects.map { effect in
            // A test holds the table and the handlers together.
            (EffectRow.row(effect.type) ?? EffectRow(effect.type, "", [])).type(names, AdapterHandler(effect: effect))
        }
    }
}

extension EffectRow {
    func type(_ names: Names, _ handler: some EffectHandler) -> EffectType {
        EffectType(
            name: names.intern(type), doc: doc,
            params: params.map { .init($0.key.name, $0.kind, required: $0.required) }, needs: needs,
            recovery: recovery, timeout: waits ? .none : .engine, holdsSlot: !waits, handler: handler)
    }
}

/// The engine's view of an effect of this target.
struct AdapterHandler: EffectHandler {
    let effect: AdapterEffect
    var isVirtual: Bool { effect.isVirtual }

    func start(_ request: EffectRequest) {
        let cancel = effect.start(EffectCall(request)) { result in
            switch result {
            case .success(let value): request.succeed(value)
            case .failure(let error): request.fail(error.effectError)
            }
        }
        if let cancel { request.onCancel { _ in cancel() } }
    }
}

extension EffectCall {
    init(_ request: EffectRequest) {
        self.init(
            params: Params(request.effect.params), directory: request.grants.workingDirectory,
            allow: { need throws(AdapterError) in
                if let refusal = request.grants.refusal(of: need) { throw AdapterError(.notAllowed, refusal.message) }
            },
            progress: { request.report($0) },
            clock: request.clock)
    }
}

extension AdapterError {
    /// The error as the engine and the script know it.
    package var effectError: EffectError {
        EffectError(code: code.rawValue, message, data: details, retryable: retryable, retryAfterMs: retryAfterMs)
    }

    private var details: Value {
        if data.isEmpty { return .nil }
        var map = MapBuilder()
        for detail in data {
            switch detail {
            case .path(let path): map.set(.path, .string(path))
            case .status(let status): map.set(.status, .int(Int64(status)))
            case .host(let host): map.set(.host, .string(host))
            case .exit(let code): map.set(.exit, .int(Int64(code)))
            case .body(let body): map.set(.body, .string(body))
            case .out(let text): map.set(.out, .string(text))
            case .err(let text): map.set(.err, .string(text))
            case .given(let name, let given): map.set(name, given.value)
            }
        }
        return map.value
    }
}
