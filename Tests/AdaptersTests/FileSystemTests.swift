import Testing

@testable import Adapters

@Test func x() {}
