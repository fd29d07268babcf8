import Engine
import Testing
import Values

@testable import Adapters

@Suite struct EffectTableTests {
    @Test("P25: every built-in of this target has its row and its handler") func complete() {
        let names = Names()
        let set = AdapterSet(json: testJSON(names), names: names, endpoint: nil, log: { _ in })
        #expect(set.effects.map(\.type) == EffectRow.table.map(\.type))
        #expect(set.isOffline)
        #expect(EffectRow.row("fs/read")?.needs == [.read])
    }

    @Test("P25: chat passes on exactly what its seed lists") func chat() {
        let passed = ChatWire.chatParameters.map(\.rawValue)
        #expect(
            passed == ["model", "messages", "tools", "tool-choice", "temperature", "max-tokens", "response-format"])
    }

    /// The effects that need something; a line of the log may be empty.
    static let demanding = EffectRow.table.filter { row in
        row.params.first(where: \.required).map { $0.key != .message } ?? false
    }

    @Test("A handler without its required parameters says which is missing", arguments: demanding)
    func required(_ row: EffectRow) async throws {
        let names = Names()
        let set = AdapterSet(json: testJSON(names), names: names, endpoint: nil, log: { _ in })
        let key = try #require(row.params.first(where: \.required)?.key)
        let error = await failure { () async throws(AdapterError) in try await perform(set.effects, row.type, [:]) }
        #expect(error?.code == .invalidParameter)
        #expect(error?.message.contains(":\(key.rawValue) is missing") == true)
    }

    @Test("An online chat asks before anything is sent; the offline one touches nothing") func needs() async throws {
        let names = Names()
        let chat = ChatEffects(client: HTTPClient(), endpoint: nil, json: testJSON(names), names: names).all
        let message = Value.map(map([.role: .string("user"), .content: .string("One. Two.")]))
        let reply = try await perform(
            chat, "llm/chat", [.messages: .vector([message])],
            allow: { _ throws(AdapterError) in throw AdapterError(.permissionDenied, "no") })
        #expect(reply[.model].stringValue == "offline-extractive")
    }

    @Test("Every code is in snake_case and means one thing") func codes() {
        let codes = AdapterCode.allCases.map(\.rawValue)
        #expect(Set(codes).count == codes.count)
        #expect(
            codes.allSatisfy { $0.utf8.allSatisfy { $0 == 95 || (48...57).contains($0) || (97...122).contains($0) } })
    }
}
