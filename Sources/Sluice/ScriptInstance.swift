import Engine
import Machine
import Reader
import Values

/// The language for a host program: an instance with its own names, budgets and grants.
///
/// Nothing is granted but what `grants` says, in the form of `--allow` (`"read=/etc/app"`, `"net=example.com"`, `"all"`), so a
/// script cannot reach out; a budget that runs out ends it with an error. Evaluate from one thread at a time.
public final class ScriptInstance {
    private let session: Session

    /// - Parameters:
    ///   - maxSteps: calls and backward jumps, in all; nil for no limit (N6).
    ///   - maxMemory: bytes that the script's values may occupy.
    ///   - grants: capabilities, as `--allow` takes them.
    ///   - workingDirectory: what relative paths are relative to.
    ///   - output: receives what the script prints.
    /// - Throws: `ScriptError` when a grant makes no sense.
    public init(
        maxSteps: Int64? = nil, maxMemory: Int64? = nil, grants: [String] = [], workingDirectory: String = "/",
        output: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(ScriptError) {
        var capabilities = Capabilities(workingDirectory: workingDirectory)
        for grant in grants {
            do throws(KeyError) { try capabilities.allow(flag: grant) } catch {
                throw ScriptError(message: error.message, description: error.message)
            }
        }
        var options = SessionOptions(grants: capabilities)
        if let maxSteps { options.limits.instructions = maxSteps }
        if let maxMemory { options.limits.memory = maxMemory }
        options.sourcePaths = []
        options.output = { output(String(decoding: $0, as: UTF8.self)) }
        session = Session(options)
    }

    deinit { session.shutDown() }

    /// Evaluates every form of `text`; the value of the last, as data.
    ///
    /// - Parameter name: what error messages call the text.
    /// - Throws: `ScriptError` for whatever the script did wrong, located and explained.
    public func evaluate(_ text: String, name: String = "<host>") throws(ScriptError) -> ScriptData {
        switch session.evaluate(text, name: name) {
        case .failure(let fault): throw ScriptError(fault, session.options.redactor)
        case .success(let value):
            // Printing realises what is lazy, on the machine and within the budgets.
            if case .failure(let fault) = session.printed(value) { throw ScriptError(fault, session.options.redactor) }
            do throws(Fault) { return try ScriptData(value) } catch {
                throw ScriptError(error, session.options.redactor)
            }
        }
    }
}

/// What went wrong in a script.
public struct ScriptError: Error, Sendable, CustomStringConvertible {
    /// One line.
    public let message: String
    /// The whole diagnostic: place, source line, caret, hint, and the script's own call stack.
    public let description: String

    init(message: String, description: String) {
        self.message = message
        self.description = description
    }

    init(_ fault: Fault, _ redactor: Redactor) {
        let diagnostic = Report.diagnostic(fault, redactor: redactor)
        var message = diagnostic.title
        if case .thrown(let exception) = fault, !exception.message.isEmpty {
            message = redactor.masked(exception.message)
        }
        self.init(message: message, description: redactor.masked(diagnostic.rendered()))
    }
}

/// A script's value as plain Swift data; it needs no instance to live.
public enum ScriptData: Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    /// Without its colon.
    case keyword(String)
    /// Vectors, lists, sets and sequences, in their order.
    case list([ScriptData])
    /// Entries in the map's order.
    case map([Entry])
    /// Everything else, as it prints.
    case other(String)

    public struct Entry: Equatable, Sendable {
        public let key: ScriptData
        public let value: ScriptData

        public init(key: ScriptData, value: ScriptData) {
            self.key = key
            self.value = value
        }
    }

    init(_ value: Value) throws(Fault) {
        switch value {
        case .nil: self = .null
        case .bool(let bool): self = .bool(bool)
        case .int(let int): self = .int(int)
        case .double(let double): self = .double(double)
        case .shortText, .longText: self = .string(value.stringValue ?? "")
        case .keyword(let name): self = .keyword(name.description)
        case .vector, .list, .lazy, .seq, .set:
            var elements: [ScriptData] = []
            try Sequences.forEach(value) { (element) throws(Fault) in elements.append(try ScriptData(element)) }
            self = .list(elements)
        case .map(let map):
            var entries: [Entry] = []
            for (key, value) in map.entries {
                entries.append(Entry(key: try ScriptData(key), value: try ScriptData(value)))
            }
            self = .map(entries)
        case .object(let object) where object.kind == .float: self = .double(try Numbers.double(value))
        default: self = .other(try Printer.readable(value))
        }
    }
}
