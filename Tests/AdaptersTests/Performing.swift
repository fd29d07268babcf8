import Engine
import TestSupport
import Testing
import Values

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Starts an effect and waits for its answer.
func perform(
    _ effects: [AdapterEffect], _ type: String, _ params: [KnownName: Value], in directory: String? = nil,
    allow: @escaping @Sendable (Need) throws(AdapterError) -> Void = { _ throws(AdapterError) in },
    progress: @escaping @Sendable (Value) -> Void = { _ in }
) async throws(AdapterError) -> Value {
    let effect = effects.first { $0.type == type }!
    let call = EffectCall(
        params: Params(map(params)), directory: directory, allow: allow, progress: progress, clock: RealClock())
    // Handed over under a lock, because the thread sanitizer does not see into continuations.
    let answers = Gathered<Result<Value, AdapterError>>()
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
        _ = effect.start(call) {
            answers.add($0)
            continuation.resume()
        }
    }
    return try answers.all[0].get()
}

func map(_ entries: [KnownName: Value]) -> HashMap {
    var builder = MapBuilder()
    for (key, value) in entries.sorted(by: { $0.key.rawValue < $1.key.rawValue }) { builder.set(Value.kw(key), value) }
    return builder.hashMap
}

extension Value {
    subscript(_ key: KnownName) -> Value { Params(mapValue).value(key) ?? .nil }
    subscript(_ key: String) -> Value { field(key) ?? .nil }
    var mapValue: HashMap { if case .map(let map) = self { map } else { HashMap() } }
    var strings: [String] { (elementsIfVector ?? []).compactMap(\.stringValue) }
}

/// The error that `body` throws.
func failure<T>(_ body: () throws(AdapterError) -> T) -> AdapterError? {
    do throws(AdapterError) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}

func failure<T>(_ body: () async throws(AdapterError) -> T) async -> AdapterError? {
    do throws(AdapterError) {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}

/// A directory that is gone with the object.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/sluice-adapters-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit { _ = try? FileSystem().delete(path, recursive: true, cancel: CancelFlag()) }

    func callAsFunction(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func file(_ name: String, _ text: String = "") throws -> String {
        try FileSystem().write(self(name), Array(text.utf8), parents: true, cancel: CancelFlag())
        return self(name)
    }

    func text(_ name: String) throws -> String {
        String(decoding: try FileSystem().read(self(name), cancel: CancelFlag()), as: UTF8.self)
    }

    /// All names directly inside, hidden ones too.
    func names(_ name: String = "") throws -> [String] { try DirectoryStream.entries(of: self(name)).map(\.name) }
}

/// Waits for what another thread or program does: until it holds, at most ten seconds. Whether it holds.
@discardableResult
func eventually(_ holds: () -> Bool) async -> Bool {
    for _ in 0..<2_000 where !holds() { try? await Task.sleep(nanoseconds: 5_000_000) }
    return holds()
}

/// Values gathered from other threads.
final class Gathered<Element: Sendable>: @unchecked Sendable {
    // Sendable: `lock` guards `elements`.
    private let lock = Lock()
    private var elements: [Element] = []
    var all: [Element] { lock.withLock { elements } }
    func add(_ element: Element) { lock.withLock { elements.append(element) } }
    func add(_ more: [Element]) { lock.withLock { elements += more } }

    /// Waits until `enough`, at most ten seconds.
    func wait(until enough: ([Element]) -> Bool) async -> [Element] {
        await eventually { enough(all) }
        return all
    }
}
