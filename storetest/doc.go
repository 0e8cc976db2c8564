// Package storetest is the conformance suite of joblog.Store: what streams
// rely on, whatever holds the rows. Every store of this project runs it, and
// so should any other.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Fixture { … })
//	}
//
// The suite asks for a fresh fixture for each of its subtests. The powers a
// store may have beyond Store are tested if it has them; state in a test of
// yours which ones it is to have:
//
//	var _ joblog.Appender = (*Store)(nil)
package storetest
