import Engine
import Machine
import Values

/// The signals of effects, as events for those who ask for them by name: `:effect-completed`, `:group-completed` and
/// `:effect-cancelled` (J25–J27).
///
/// They have a bus of their own. The world hears of its effects by their results (P8–P12), and whoever wants events of every type
/// means what was published: neither is told of every effect that ends.
extension FiberRuntime {
    /// Where events of a type go; the engine tells signals from when somebody wants them.
    func bus(for type: Value) -> EventBus {
        guard case .keyword(let name) = type, Signal.types.contains(name.description), let engine else { return bus }
        engine.onSignal { [weak self] signal in self?.tell(signal) }
        return signals
    }

    private func tell(_ signal: Signal) {
        let source: Value =
            switch signal {
            case .effectCompleted(let effect, _), .effectCancelled(let effect, _):
                .record((.kind, .kw(.effects)), (.effectID, effect.id.value))
            case .groupCompleted(let group, _): .record((.kind, .kw(.effects)), (.group, group.value))
            }
        signals.publish(
            event(.keyword(instance.names.intern(signal.type)), source: source, payload: signal.payload))
    }
}
