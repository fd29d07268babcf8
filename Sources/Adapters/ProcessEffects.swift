import Engine
import Values

/// `:proc/run` (P25).
package struct ProcessEffects: Sendable {
    private let runner: ProcessRunner

    package init(runner: ProcessRunner = ProcessRunner()) { self.runner = runner }

    package var all: [AdapterEffect] { [run] }

    /// `{:args ["git" "status"] :in "…" :cwd "dir" :env {"NAME" "value"} :timeout-ms n :grace-ms n :max-bytes n :check? false}` →
    /// `{:exit 0 :out "…" :err "…" :signal n? :out-truncated? true? :err-truncated? true?}`.
    ///
    /// The program gets few variables of this process (`ProcessEnvironment.usual`) besides those in `:env`: a map from names
    /// to values, where nil takes a usual one away and `:inherit` passes this process's on, or a vector of names to pass on.
    /// What is passed on has to be granted as reading it has.
    ///
    /// An exit code other than 0 is an answer, unless `:check?` makes it an error.
    private var run: AdapterEffect {
        AdapterEffect(type: "proc/run") { [runner] call, answer in
            do throws(AdapterError) {
                var program = try ProcessEffects.read(call.params, call.clock)
                try call.allow(.run(program: program.arguments[0]))
                for name in program.environment.inherited.sorted() where !ProcessEnvironment.isUsual(name) {
                    try call.allow(.env(name))
                }
                if let directory = program.directory { try call.allowRead(call.place(directory)) }
                program.directory = program.directory.map(call.place) ?? call.directory
                let check = call.params.flag(.isCheck)
                return runner.start(program) { [program] result in
                    answer(
                        result.flatMap { done in
                            check && done.exit != 0
                                ? .failure(ProcessEffects.failure(program, done))
                                : .success(ProcessEffects.value(of: done))
                        })
                }
            } catch {
                answer(.failure(error))
                return nil
            }
        }
    }

    private static func read(_ params: Params, _ clock: any Clock) throws(AdapterError) -> Program {
        guard let value = params.value(.args) else {
            throw .parameter("the parameter :args is missing; give a vector such as [\"git\" \"status\"]")
        }
        var program = Program(try strings(params, .args, value), clock: clock)
        if program.arguments.isEmpty { throw params.wrong(.args, "a vector with a program and its arguments", value) }
        program.input = try params.content(.in) ?? []
        program.directory = try params.string(.cwd)
        program.environment = try environment(params)
        program.maxBytes = try params.maxBytes(default: Program.defaultMaxBytes)
        program.timeoutMs = try params.milliseconds(.timeoutMs, default: nil)
        program.graceMs = try params.int(.graceMs, in: 0...600_000) ?? Program.graceMs
        return program
    }

    static func environment(_ params: Params) throws(AdapterError) -> ProcessEnvironment {
        var environment = ProcessEnvironment()
        guard let value = params.value(.env) else { return environment }
        let expected = "a map from names to strings (nil leaves one out, :inherit passes ours on), or a vector of names"
        guard case .map(let map) = value else {
            guard let names = value.realizedElements else { throw params.wrong(.env, expected, value) }
            for name in names {
                guard let name = name.stringValue else { throw params.wrong(.env, expected, value) }
                environment.inherited.insert(name)
            }
            return environment
        }
        try map.forEach { (name, value) throws(AdapterError) in
            let text = name.stringValue ?? { if case .keyword(let name) = name { name.name } else { nil } }()
            guard let text, value.isNil || value.knownKeyword == .inherit || value.stringValue != nil else {
                throw params.wrong(.env, expected, .map(map))
            }
            if value.knownKeyword == .inherit {
                environment.inherited.insert(text)
            } else {
                environment.changes[text] = .some(value.stringValue)
            }
            return true
        }
        return environment
    }

    static func strings(_ params: Params, _ key: KnownName, _ value: Value) throws(AdapterError) -> [String] {
        guard let elements = value.realizedElements else {
            throw params.wrong(key, "a vector of strings (no shell splits a single one)", value)
        }
        var found: [String] = []
        for element in elements {
            switch element {
            case .shortText, .longText: found.append(element.stringValue ?? "")
            case .int(let number): found.append(String(number))
            default: throw params.wrong(key, "a vector of strings", element)
            }
        }
        return found
    }

    private static func failure(_ program: Program, _ done: ProgramResult) -> AdapterError {
        let said = String(decoding: done.err.bytes.suffix(2_000), as: UTF8.self)
        let how = done.signal.map { "was ended by signal \($0)" } ?? "ended with exit code \(done.exit)"
        var last = said.split(whereSeparator: \.isNewline).last.map { ": \($0.prefix(200))" } ?? ""
        if last.isEmpty { last = "; it said nothing on its error output" }
        return AdapterError(
            .programFailed, "\(quoted(program.arguments[0])) \(how)\(last)",
            data: [.exit(done.exit), .out(String(decoding: done.out.bytes.suffix(2_000), as: UTF8.self)), .err(said)])
    }

    private static func value(of done: ProgramResult) -> Value {
        var map = MapBuilder()
        map.set(.exit, .int(Int64(done.exit)))
        map.set(.out, .text(Text(repairing: done.out.bytes)))
        map.set(.err, .text(Text(repairing: done.err.bytes)))
        map.set(.signal, done.signal.map { .int(Int64($0)) })
        if done.out.truncated { map.set(.outTruncated, .true) }
        if done.err.truncated { map.set(.errTruncated, .true) }
        return map.value
    }
}
