import Compiler
import Engine
import Machine
import Reader
import Runtime
import Server
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The exposed workers of a run as `POST /commands/ID` on a loopback port (U): the body is the message, as JSON (the keys of
/// objects become keywords) or EDN, and the answer is the worker's, or with `Prefer: respond-async` a 202. `POST /events/TYPE`
/// makes an event of the body, and answers 202 with its id.
///
/// Only for this machine: requests that name another host, or that a page of a browser could send unasked, are refused.
final class CommandEntry: @unchecked Sendable {
    // Sendable: `server` is set once, before the first request can be answered; the rest is immutable.
    /// Seconds that a request waits for its answer unless it says `Prefer: wait=N`, and at most.
    static let (usualWait, longestWait): (Int64, Int64) = (60, 600)
    /// Bytes of an event's type.
    private static let longestType = 256

    private unowned let session: Session
    private let system: WorkerSystem
    private let hasWorld: Bool
    private let writers: [Form: (function: Value, options: [Value])]
    private var server: HTTPServer!

    /// How a body is written.
    private enum Form: String, CaseIterable {
        case json = "application/json"
        case edn = "application/edn"

        /// The function of the library that writes it, and its options that are off.
        var writer: (space: String, name: String, off: [String]) {
            switch self {
            case .json: ("clojure.data.json", "write-str", ["escape-slash", "escape-unicode"])
            case .edn: ("clojure.core", "pr-str", [])
            }
        }
    }

    /// Serves `port` of 127.0.0.1, or a free one when it is 0.
    ///
    /// - Parameter hasWorld: there are systems, which see what is posted as an event.
    init(_ session: Session, _ system: WorkerSystem, hasWorld: Bool, port: UInt16) throws(Fault) {
        self.session = session
        self.system = system
        self.hasWorld = hasWorld
        guard hasWorld || !system.exposed.isEmpty else {
            throw .illegalState("--http has nothing to offer: no worker has :expose? true, and there is no system")
        }
        var writers: [Form: (function: Value, options: [Value])] = [:]
        for form in Form.allCases {
            let names = session.instance.names
            writers[form] = (
                try session.function(form.writer.space, form.writer.name),
                form.writer.off.flatMap { [.keyword(names.intern(nil, $0)), .false] }
            )
        }
        self.writers = writers
        do throws(HTTPServer.Refusal) {
            server = try HTTPServer(port: port) { [weak self] exchange in
                guard let self else { return exchange.refuse(503, "stopped", "the script has ended") }
                take(exchange)
                // What was refused has left names behind.
                try? self.session.runtime.settle()
            }
        } catch {
            throw CommandEntry.fault(error)
        }
    }

    private static func fault(_ refusal: HTTPServer.Refusal) -> Fault {
        switch refusal {
        case .noLibrary:
            .of(
                .io, "--http needs libmicrohttpd, which is not installed",
                hint: "`apt-get install libmicrohttpd12`, or `brew install libmicrohttpd`")
        case .port(let port, let code):
            .of(
                .io, "port \(port) of 127.0.0.1 cannot be served: \(String(cString: strerror(code)))",
                hint: code == EADDRINUSE ? "something serves it already; name another, or 0 for a free one" : nil)
        }
    }

    /// What is served, for people.
    var lines: [String] {
        let base = "serving http://127.0.0.1:\(server.port)"
        let workers = system.exposed.map(\.description).joined(separator: ", ")
        return (workers.isEmpty ? [] : ["\(base)/commands: \(workers)"])
            + (hasWorld ? ["\(base)/events: an event of the type that is posted to"] : [])
    }

    /// Whether nobody waits for an answer.
    var isQuiet: Bool { server.isQuiet }

    /// Answers who still waits with 503, and ends.
    func stop() { server.stop() }

    // MARK: Requests

    private func take(_ exchange: Exchange) {
        if let refusal = refusal(exchange) { return answer(exchange, refusal.status, refusal.code, refusal.message) }
        if exchange.path == "/commands" || exchange.path == "/commands/" {
            guard exchange.method == "GET" else { return refuseMethod(exchange, allowing: "GET") }
            let names = system.exposed.map { Value.string($0.description) }
            return write(map("commands", .vector(names)), exchange, 200)
        }
        let isEvent = exchange.path.hasPrefix("/events/")
        guard isEvent || exchange.path.hasPrefix("/commands/") else {
            return answer(
                exchange, 404, "not-found",
                "there is POST /commands/ID, GET /commands for the names, and POST /events/TYPE")
        }
        guard exchange.method == "POST" else { return refuseMethod(exchange, allowing: "POST") }
        if isEvent { return takeEvent(exchange) }
        let text = String(exchange.path.dropFirst("/commands/".count))
        guard let name = system.exposed.first(where: { $0.description == text }) else {
            let names = system.exposed.map(\.description)
            return answer(
                exchange, 404, "not-found",
                names.isEmpty
                    ? "no worker is exposed, so there are no commands; give one :expose? true"
                    : "no exposed worker is called \(text); there \(names.count == 1 ? "is" : "are") "
                        + names.joined(separator: ", "))
        }
        do throws(Fault) {
            guard let message = try message(exchange) else { return }
            try deliver(message, to: name, exchange)
        } catch {
            refuse(exchange, error)
        }
    }

    private func refuse(_ exchange: Exchange, _ fault: Fault) {
        if case .thrown = fault { return answer(exchange, 400, "bad-request", fault.summary) }
        // The budget is used up: no fiber could write this.
        exchange.refuse(503, "budget", fault.summary)
    }

    /// Publishes what was posted as the payload of an event, and answers with the event's id.
    private func takeEvent(_ exchange: Exchange) {
        let world = session.runtime.world!
        guard !world.isBehind else {
            return answer(exchange, 503, "busy", "\(world.backlog) events wait for the world; try again later")
        }
        do throws(Fault) {
            // The server has decoded the path.
            let type = try eventType(String(exchange.path.dropFirst("/events/".count)))
            guard !EffectEvent.isReserved(type) else {
                return answer(
                    exchange, 403, "reserved",
                    "events of the type :\(type.description) tell the end of an effect, and only the run says that; a namespaced type must not end in .result or .error"
                )
            }
            guard let payload = try message(exchange) else { return }
            let event = session.runtime.event(.keyword(type), source: .record((.kind, .kw(.http))), payload: payload)
            session.runtime.bus.publish(event)
            guard case .map(let map) = event, case .object(let object)?? = try? map.find(.kw(.eventID)) as Value??,
                let id = object as? UUIDValue
            else { return }
            write(self.map("id", .string(id.description)), exchange, 202)
        } catch {
            refuse(exchange, error)
        }
    }

    /// The keyword of `name` or `ns/name`: what reads as one, and as nothing else.
    private func eventType(_ text: String) throws(Fault) -> Name {
        if text.utf8.count <= CommandEntry.longestType,
            let values = try? EDN.readAll(Array(":\(text)".utf8), names: session.instance.names), values.count == 1,
            case .keyword(let name) = values[0], name.description == text
        {
            return name
        }
        throw .illegalArgument(
            "the type of an event is a keyword without its colon, name or ns/name, but the path has \(text.prefix(80))")
    }

    /// Why a request is not even looked at.
    private func refusal(_ exchange: Exchange) -> (status: UInt32, code: String, message: String)? {
        let host = exchange.header("Host") ?? ""
        let name = host.hasPrefix("[") ? String(host.prefix { $0 != "]" }) + "]" : String(host.prefix { $0 != ":" })
        guard ["127.0.0.1", "localhost", "[::1]"].contains(name) else {
            return (403, "forbidden", "only 127.0.0.1 and localhost are served, not \(host.isEmpty ? "no host" : host)")
        }
        if exchange.header("Origin") != nil { return (403, "forbidden", "pages of a browser are not served") }
        return nil
    }

    private func refuseMethod(_ exchange: Exchange, allowing method: String) {
        let text = "{\"error\":{\"code\":\"method\",\"message\":\"use \(method)\"}}\n"
        exchange.answer(405, [("Allow", method), ("Content-Type", Form.json.rawValue)], Array(text.utf8))
    }

    /// The message of a body; nil when the request has been refused.
    private func message(_ exchange: Exchange) throws(Fault) -> Value? {
        let given = exchange.header("Content-Type").map { $0.prefix { $0 != ";" }.lowercased().trimmed } ?? "none"
        guard let form = Form(rawValue: given) else {
            // Also what a page may send to anybody: text/plain and forms.
            answer(exchange, 415, "media-type", "a message is application/json or application/edn, not \(given)")
            return nil
        }
        let value = try value(of: exchange.body, form)
        // What was made on this thread, which runs no fiber, counts against the budget, too: also the names of keys, which
        // stay. Whoever sends new ones without end ends the run.
        try session.runtime.settle()
        if value.isNil { throw .illegalArgument("the message is missing: nil cannot be sent") }
        return value
    }

    private func value(of body: [UInt8], _ form: Form) throws(Fault) -> Value {
        let names = session.instance.names
        switch form {
        case .json: return try JSON.read(body, keys: .keywords(names))
        case .edn:
            let values: [Value]
            do throws(SyntaxError) { values = try EDN.readAll(body, names: names) } catch { throw error.fault }
            guard values.count == 1 else {
                throw .illegalArgument("the message is one value, but the body holds \(values.count)")
            }
            return values[0]
        }
    }

    private func deliver(_ message: Value, to worker: Name, _ exchange: Exchange) throws(Fault) {
        let wishes =
            exchange.header("Prefer").map { $0.split(separator: ",").map { String($0).lowercased().trimmed } } ?? []
        if wishes.contains(where: { $0 == "respond-async" }) {
            guard try system.command(worker, message) else {
                return answer(exchange, 503, "dropped", "the worker's channel is full, or it has stopped")
            }
            return write(map("accepted", .true), exchange, 202)
        }
        let wait = wishes.lazy.compactMap { $0.hasPrefix("wait=") ? Int64($0.dropFirst(5)) : nil }.first
        let seconds = min(max(1, wait ?? CommandEntry.usualWait), CommandEntry.longestWait)
        let reply = try system.request(worker, message, timeoutMs: seconds * 1_000)
        let entry = Callback.waiting { [self] result in
            switch result {
            case .success(let value): answer(exchange, with: value)
            case .failure(let fault): answer(exchange, 500, "failed", fault.summary)
            }
        }
        if let value = try reply.take(entry), entry.claim() { answer(exchange, with: value) }
    }

    // MARK: Answers

    /// The worker's answer; one that holds an `:error` tells by its code how it went.
    private func answer(_ exchange: Exchange, with value: Value) {
        if value.isNil { return exchange.answer(204, [], []) }
        write(value, exchange, CommandEntry.status(of: value))
    }

    private static func status(of value: Value) -> UInt32 {
        guard case .map(let map) = value, case .map(let error)?? = (try? map.find(.kw(.error))) as Value?? else {
            return 200
        }
        switch (try? error.find(.kw(.code)))??.stringValue {
        case "timeout": return 504
        case "dropped", "stopped": return 503
        default: return 500
        }
    }

    private func answer(_ exchange: Exchange, _ status: UInt32, _ code: String, _ message: String) {
        let message = session.options.redactor.masked(message)
        write(.record((.error, .record((.code, .string(code)), (.message, .string(message))))), exchange, status)
    }

    private func map(_ key: String, _ value: Value) -> Value {
        var map = HashMap()
        try? HashMap.set(&map, .keyword(session.instance.names.intern(nil, key)), value)
        return .map(map)
    }

    /// Writes in a fiber, for what is lazy is realised there.
    private func write(_ value: Value, _ exchange: Exchange, _ status: UInt32) {
        let form = CommandEntry.form(of: exchange)
        let writer = writers[form]!
        session.runtime.spawn(
            writer.function, [value] + writer.options,
            completion: .call({ [session] result in
                // A run that ends waits for this.
                defer { session.runtime.scheduler.attend() }
                switch result {
                case .success(let text):
                    exchange.answer(
                        status, [("Content-Type", form.rawValue)], Array(((text.stringValue ?? "") + "\n").utf8))
                case .failure(let fault):
                    exchange.refuse(
                        500, "unwritable", "the answer cannot be written as \(form.rawValue): \(fault.summary)")
                }
            }))
    }

    /// What the client asks for, or speaks itself.
    private static func form(of exchange: Exchange) -> Form {
        let accepted = exchange.header("Accept") ?? "*/*"
        for form in Form.allCases where accepted.hasText(form.rawValue) { return form }
        return exchange.header("Content-Type")?.hasPrefix(Form.edn.rawValue) ?? false ? .edn : .json
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
