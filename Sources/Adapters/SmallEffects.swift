import Engine
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// `:time/sleep`, `:log/info|warn|error` and `:env/get` (P25, P27).
package struct SmallEffects: Sendable {
    /// Takes one line of the log, without its line break.
    package typealias LogSink = @Sendable (String) -> Void

    private let log: LogSink
    private let secrets: Redactor

    /// - Parameter secrets: masks what is logged, and is told the variables that hold secrets.
    package init(log: @escaping LogSink, secrets: Redactor = Redactor()) {
        self.log = log
        self.secrets = secrets
    }

    package var all: [AdapterEffect] {
        [sleep, logging("log/info", "INFO"), logging("log/warn", "WARN"), logging("log/error", "ERROR"), variable]
    }

    /// `{:ms 100}` → nil, later.
    private var sleep: AdapterEffect {
        let start: StartEffect = { call, answer in
            do throws(AdapterError) {
                guard let ms = try call.params.int(.ms, in: Int64.min...Int64.max) else {
                    throw .parameter("the parameter :ms is missing; give the milliseconds to sleep")
                }
                if ms <= 0 {
                    answer(.success(.nil))
                    return nil
                }
                let timer = call.clock.after(ms: ms) { answer(.success(.nil)) }
                // The timer and the cancellation may meet: whoever takes the call answers.
                return { if timer.cancel() { answer(.failure(.cancelled)) } }
            } catch {
                answer(.failure(error))
                return nil
            }
        }
        return AdapterEffect(type: "time/sleep", start: start, isVirtual: true)
    }

    /// `{:message "…" :data …}` → nil; prints `[INFO] message data`.
    private func logging(_ type: String, _ level: String) -> AdapterEffect {
        .immediate(type) { [log, secrets] call throws(AdapterError) in
            var line = "[\(level)]"
            if let message = call.params.value(.message) {
                line += " " + (try SmallEffects.printed(secrets.masked(message), readably: false))
            }
            if let data = call.params.value(.data) {
                line += " " + (try SmallEffects.printed(secrets.masked(data), readably: true))
            }
            log(secrets.masked(line))
            return .nil
        }
    }

    /// Elements of a collection that a line shows, for it may have no end. `sluice.log` realises as many.
    private static let shown = 1000
    /// Bytes of what a line says, and of its data. What makes it longer is told of in a few words.
    private static let longest = 1 << 20

    /// What nobody has realised prints as `…`: no code runs here.
    private static func printed(_ value: Value, readably: Bool) throws(AdapterError) -> String {
        func text(_ value: Value, _ limit: Int) throws(Fault) -> String {
            var printer = Printer(readably: readably)
            printer.maxLength = shown
            printer.forces = false
            printer.byteLimit = limit
            try printer.write(value)
            return printer.string
        }
        do throws(Fault) {
            do throws(Fault) { return try text(value, longest) } catch .exhausted(.memory) {
                return try text(value.cut(within: longest) { (try? text($0, $1)) != nil }, .max)
            }
        } catch {
            throw .parameter("what is to be logged cannot be printed: \(JSONCodec.words(error))")
        }
    }

    /// `{:name "HOME"}` → its value, or nil.
    private var variable: AdapterEffect {
        .immediate("env/get") { [secrets] call throws(AdapterError) in
            let name = try call.params.required(.name)
            if name.utf8.contains(0) || name.utf8.contains(UInt8(ascii: "=")) || name.isEmpty {
                throw .parameter("\(quoted(name)) cannot be an environment variable; use letters, digits and _")
            }
            try call.allow(.env(name))
            guard let value = getenv(name).map({ String(cString: $0) }) else { return .nil }
            if SecretName.isSecret(variable: name) { secrets.note(value) }
            return .string(value)
        }
    }
}
