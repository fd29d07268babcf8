import Adapters
import Engine
import Graph
import Machine
import Runtime
import Synchronization
import Values

/// Something outside, or the clock, that puts what happens on a channel until it is ended.
protocol EventSource: AnyObject, Sendable {
    var channel: Channel { get }
    /// What the start line says of it; nil for nothing.
    var shown: String? { get }
    /// Tells nothing more and closes the channel. On any thread, any number of times.
    func end()
}

/// The sources of one session that are live.
final class EventSources: @unchecked Sendable {
    // Sendable: `lock` guards what changes.
    /// Whose they are; set once, before any code of the script runs.
    weak var session: Session?
    /// Whether a source ends by itself once it has told what there is (`--once`).
    let isOnce: Bool
    private let lock = Lock()
    /// In the order in which they began.
    private var live: [any EventSource] = []
    private var hasEnded = false

    init(isOnce: Bool) { self.isOnce = isOnce }

    var owner: Session {
        get throws(Fault) {
            guard let session else { throw .cancelled(.stopped) }
            return session
        }
    }

    /// What is watched, for people.
    var shown: [String] { lock.withLock { live.compactMap(\.shown) } }

    /// Keeps a source until it ends.
    func add(_ source: any EventSource) {
        let isLate = lock.withLock {
            if !hasEnded { live.append(source) }
            return hasEnded
        }
        if isLate { source.end() }
    }

    /// What a source says that has ended.
    func remove(_ source: any EventSource) { lock.withLock { live.removeAll { $0 === source } } }

    /// Ends the source of a channel; another channel is closed.
    func end(_ channel: Channel) {
        let source = lock.withLock { live.first { $0.channel === channel } }
        if let source { source.end() } else { channel.close() }
    }

    /// Ends all of them, and each that is begun from here on.
    func endAll() {
        let sources = lock.withLock {
            hasEnded = true
            return live
        }
        for source in sources { source.end() }
    }
}

/// Namespace `sluice.source`: what `sluice.event` makes channels of.
enum SourcePrimitives {
    static func family(_ sources: EventSources) -> PrimitiveFamily {
        PrimitiveFamily(
            "sluice.source",
            [
                // (ticks {:interval-ms n}) or (ticks {:cron "…"}): a channel of {:n :ts}.
                Primitive("ticks", 1) { (arguments, _) throws(Fault) in
                    let timing = try TickSource.timing(arguments[0])
                    let source = TickSource(timing, try sources.owner.runtime, sources)
                    sources.add(source)
                    source.begin()
                    return .object(source.channel)
                },
                // (watch pattern options standing): a channel of changes; the other is closed once no change can be missed.
                Primitive("watch", 3) { (arguments, _) throws(Fault) in
                    let source = try WatchSource.begin(
                        arguments[0], arguments[1], standing: try channel(arguments[2]), try sources.owner)
                    return .object(source.channel)
                },
                // (lines channel): a tag for the effects that read for it, which end when the source of the channel does.
                Primitive("lines", 1) { (arguments, _) throws(Fault) in
                    let source = LineSource(try channel(arguments[0]), try sources.owner)
                    sources.add(source)
                    return source.tag
                },
                // (stop! channel): ends the source of a channel, and closes it.
                Primitive("stop!", 1) { (arguments, _) throws(Fault) in
                    sources.end(try channel(arguments[0]))
                    return .nil
                },
            ])
    }

    private static func channel(_ value: Value) throws(Fault) -> Channel {
        if case .object(let object) = value, let channel = object as? Channel { return channel }
        throw .type("event/stop!", expected: "the channel of a source", found: value)
    }
}

/// Lines of standard input, which a fiber of the library reads by effects that have a tag.
private final class LineSource: EventSource {
    let channel: Channel
    let tag: Value
    private unowned let session: Session

    init(_ channel: Channel, _ session: Session) {
        self.channel = channel
        self.session = session
        tag = .object(session.instance.random.uuid())
    }

    var shown: String? { "standard input" }

    func end() {
        channel.close()
        session.sources.remove(self)
        // A random id is a key.
        if let key = try? ValueKey(tag) { session.engine.cancel(.tag(key)) }
    }
}
